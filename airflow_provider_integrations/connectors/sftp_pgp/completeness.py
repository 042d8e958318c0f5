"""Which files of a listing are whole, by what the partner has agreed to. Pure.

A file that is taken too early is data lost, so every doubt means "not yet": names that begin with a dot or end in a
temporary suffix, a file that changed since the look before, a companion that is empty of the digest it should hold.

    >>> files = (RemoteFile("/in/a.gpg", 1, 1), RemoteFile("/in/b.gpg.part", 1, 1))
    >>> whole = complete_files(CompletenessPolicy(), [Listing("/in", files)])
    >>> [entry.file.name for entry in whole]
    ['a.gpg']
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from airflow_provider_integrations.connectors.sftp_pgp.announced import AnnouncedFile, announcement, digest_suffix
from airflow_provider_integrations.connectors.sftp_pgp.listing import Listing
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.source import CompletenessPolicy
from airflow_provider_integrations.core.work_item import RemoteFile

__all__ = ["Complete", "companions_to_read", "complete_files"]


@dataclass(frozen=True, slots=True)
class Complete:
    """A file that may be taken.

    Args:
        file: As the last look showed it.
        announced: Digests that its companion or manifest gives, by algorithm, in small hexadecimal letters.
        companions: Paths of the files that say that it is whole; they move along when it is archived. A manifest,
            which speaks for many files, is not among them.
    """

    file: RemoteFile
    announced: Mapping[str, str] = field(default_factory=dict)
    companions: tuple[str, ...] = ()


def companions_to_read(policy: CompletenessPolicy, listing: Listing) -> tuple[RemoteFile, ...]:
    """The companion files whose content decides: digests and manifests; a bare `.done` is not read."""
    if policy.kind != "companion":
        return ()
    if policy.manifest is not None:
        return tuple(file for file in listing.files if file.name == policy.manifest)
    if digest_suffix(policy.companion_suffix) is None:
        return ()
    names = listing.named()
    suffix = policy.companion_suffix
    return tuple(file for name, file in names.items() if name.endswith(suffix) and name.removesuffix(suffix) in names)


def complete_files(policy: CompletenessPolicy, looks: Sequence[Listing]) -> list[Complete]:
    """The whole files of the last look, by name in order.

    Args:
        policy: What was agreed with the partner.
        looks: Looks at one folder, oldest first; only `stable` needs more than the last.

    Raises:
        ConfigError: if companions with digests were listed but not read into `Listing.texts`.
    """
    if not looks:
        return []
    last = looks[-1]
    candidates = [file for file in last.files if not _is_temporary(policy, file.name)]
    if policy.kind == "rename":
        whole = [Complete(file) for file in candidates]
    elif policy.kind == "stable":
        steady = _steady(policy, looks)
        whole = [Complete(file) for file in candidates if file.path in steady]
    elif policy.manifest is not None:
        whole = _named_in_manifest(policy, policy.manifest, last, candidates)
    else:
        whole = _with_companion(policy, last, candidates)
    return sorted(whole, key=lambda entry: entry.file.path)


def _is_temporary(policy: CompletenessPolicy, name: str) -> bool:
    """Dot files are how rsync, WinSCP and this client itself name what is not whole yet."""
    lowered = name.lower()
    return name.startswith(".") or any(lowered.endswith(suffix.lower()) for suffix in policy.temporary_suffixes)


def _steady(policy: CompletenessPolicy, looks: Sequence[Listing]) -> set[str]:
    """Paths that kept size and mtime over the last N looks that are far enough apart.

    Looks that came too soon after the one before prove nothing; those in between still must agree.
    """
    last = looks[-1]
    spread = [last]
    used = [last]
    for newer, older in pairwise(reversed(looks)):
        if len(spread) >= policy.looks:
            break
        if newer.folder != older.folder:
            raise ConfigError("looks at different folders do not add up", folders=[older.folder, newer.folder])
        used.append(older)
        if _apart(older, spread[-1]) >= policy.seconds_apart:
            spread.append(older)
    if len(spread) < policy.looks:
        return set()
    steady = {(file.path, file.size, file.mtime) for file in last.files}
    for look in used:
        steady &= {(file.path, file.size, file.mtime) for file in look.files}
    return {path for path, _, _ in steady}


def _apart(earlier: Listing, later: Listing) -> float:
    """Seconds between two looks; without times the caller vouches for the pause."""
    if earlier.at is None or later.at is None:
        return float("inf")
    return (later.at - earlier.at).total_seconds()


def _with_companion(policy: CompletenessPolicy, last: Listing, candidates: list[RemoteFile]) -> list[Complete]:
    names = last.named()
    algorithm = digest_suffix(policy.companion_suffix)
    whole: list[Complete] = []
    for file in candidates:
        companion = names.get(file.name + policy.companion_suffix)
        if companion is None or file.name.endswith(policy.companion_suffix):
            continue
        if algorithm is None:
            whole.append(Complete(file, companions=(companion.path,)))
            continue
        for entry in announcement(_text(last, companion), default_name=file.name, default_algorithm=algorithm):
            if entry.name == file.name and _fits(entry, file):
                whole.append(Complete(file, {entry.algorithm: entry.digest}, (companion.path,)))
                break
    return whole


def _named_in_manifest(
    policy: CompletenessPolicy, manifest: str, last: Listing, candidates: list[RemoteFile]
) -> list[Complete]:
    listed = last.named().get(manifest)
    if listed is None:
        return []
    named = {entry.name: entry for entry in announcement(_text(last, listed))}
    return [
        Complete(file, {named[file.name].algorithm: named[file.name].digest})
        for file in candidates
        if file.name != manifest and file.name in named and _fits(named[file.name], file)
    ]


def _fits(entry: AnnouncedFile, file: RemoteFile) -> bool:
    return entry.size is None or entry.size == file.size


def _text(listing: Listing, companion: RemoteFile) -> str:
    try:
        return listing.texts[companion.path]
    except KeyError:
        raise ConfigError(
            "a companion with digests was listed but not read",
            path=companion.path,
            next_step="Give the policy to the look: client.look(folder, completeness=policy).",
        ) from None
