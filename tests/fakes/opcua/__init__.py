"""OPC UA servers with history: one of paper for the conversation alone, asyncua's own, and one that does wrong on request."""
