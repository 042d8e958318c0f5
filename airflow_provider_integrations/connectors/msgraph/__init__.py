"""Microsoft Graph deltas and Dataverse's change tracking: every change, deletes included, by links that are kept."""
