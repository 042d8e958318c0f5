"""A PI Web API server, written from the vendor's published reference; each behaviour cites its topic."""
