"""Partner files: OpenPGP messages over SFTP."""
