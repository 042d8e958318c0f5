"""A message while GnuPG opens it: its content as a stream, held to the policy's limits on the way."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Sequence
from typing import Any, Final

from airflow_provider_integrations.connectors.sftp_pgp.gnupg_process import CHUNK, GnuPgProcess
from airflow_provider_integrations.connectors.sftp_pgp.gnupg_status import StatusSummary
from airflow_provider_integrations.connectors.sftp_pgp.openpgp import Evidence, Proof, judge
from airflow_provider_integrations.core.errors import IntegrationError, RejectedError, TransientError
from airflow_provider_integrations.core.reasons import Reason
from airflow_provider_integrations.core.source import MIB, OpenPgpPolicy

__all__ = ["GnuPgMessage"]

_RATIO_FROM: Final = MIB  # small content may expand more: a header, a file of zeros


class GnuPgMessage(io.RawIOBase):
    """The content of a message as a readable stream, and the proof at its end.

    The expansion ratio is content over the whole message where its size is known: a message that is dense at its end
    may be sparse at its start. For a stream without a known size it is content over what GnuPG was fed so far.

    Args:
        process: The GnuPG that opens it.
        policy: What must hold.
        required: Full fingerprints of the required signers.
        our_keys: Key ids of ours that can decrypt.
        size: Bytes of the message, None if they are not known yet.
    """

    def __init__(
        self,
        process: GnuPgProcess,
        policy: OpenPgpPolicy,
        *,
        required: Sequence[str],
        our_keys: frozenset[str],
        size: int | None,
    ) -> None:
        super().__init__()
        self._process = process
        self._policy = policy
        self._required = tuple(required)
        self._our_keys = our_keys
        self._message_size = size
        self._digest = hashlib.sha256()
        # A decoder may read in a thread of its own while another one verifies or closes.
        self._lock = threading.RLock()
        self._taken = 0
        self._error: IntegrationError | None = None
        self._summary: StatusSummary | None = None

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Some content into a buffer; 0 at the end, which proves nothing before `verify`.

        Raises:
            RejectedError: `content_too_large` or `expansion_too_large`, before any byte beyond the limit is handed
                over.
            StalledError: when GnuPG makes no progress.
        """
        view = memoryview(buffer).cast("B")
        with self._lock:
            if self._error:
                raise self._error
            if self._summary is not None or self.closed or not view:
                return 0
            return self._take(view)

    def _take(self, view: memoryview) -> int:
        try:
            taken = self._process.read_into(view)
            if taken:
                self._account(view[:taken])
            else:
                self._summary = self._process.finish()
        except IntegrationError as error:
            self._error = error
            self._process.kill()
            view[:] = bytes(len(view))  # nothing that was refused is left in the caller's buffer
            raise
        return taken

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes, fewer only at the end; all that are left when it is negative."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        if self._summary is not None and self._error is None:
            return b""
        # A decoder asks for megabytes; most files are smaller, and clearing what is not used takes time.
        buffer = bytearray(size if self._taken else min(size, CHUNK))
        filled = 0
        while True:
            with memoryview(buffer) as view:
                while filled < len(buffer) and (taken := self.readinto(view[filled:])):
                    filled += taken
            if filled < len(buffer) or filled == size:
                break
            buffer += bytes(size - filled)
        return bytes(buffer) if filled == size else bytes(buffer[:filled])

    def verify(self) -> Proof:
        """Read what is left, and prove the whole.

        Raises:
            RejectedError: with the reason.
            ConfigError: when our own key is at fault.
            TransientError: when it was closed before its end, or GnuPG stalled.
        """
        waste = bytearray(CHUNK)
        while self._summary is None and self._error is None:
            if self.closed:
                raise TransientError("the message was closed before it was read to its end")
            self.readinto(waste)
        if self._error or self._summary is None:
            assert self._error is not None
            raise self._error
        evidence = Evidence(self._summary, self._process.exit_code, self._taken, self._our_keys)
        signers = judge(evidence, self._policy, self._required)
        return Proof(
            signers=signers,
            plaintext_sha256=self._digest.hexdigest(),
            size=self._taken,
            ciphertext_size=self._process.consumed if self._message_size is None else self._message_size,
            encrypted=self._summary.decryptions > 0,
            decrypted_by=self._summary.decrypted_by,
            cipher=self._summary.cipher,
        )

    def close(self) -> None:
        """End GnuPG if it still runs; the proof stays to be had if the content was read to its end."""
        self._process.stop()  # a thread that waits for content comes back
        with self._lock:
            self._process.kill()
            super().close()

    def _account(self, data: memoryview) -> None:
        self._taken += len(data)
        if self._taken > self._policy.max_content_bytes:
            raise RejectedError(Reason.CONTENT_TOO_LARGE, limit=self._policy.max_content_bytes)
        if self._taken > _RATIO_FROM:
            message = self._process.consumed if self._message_size is None else self._message_size
            if self._taken > self._policy.max_ratio * max(message, 1):
                raise RejectedError(Reason.EXPANSION_TOO_LARGE, limit=self._policy.max_ratio, message=message)
        self._digest.update(data)
