"""The durable memory: work items, watermarks, batches, quality results, audit trail."""
