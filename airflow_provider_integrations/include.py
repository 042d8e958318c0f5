"""Reads the files under `include/`: sources, contracts and expectation suites.

The folder is an argument: an Airflow deployment names it in `[integrations] include_folder`, the CLI names files.

    >>> read_source(Path("include"), "acme_customers").contract  # doctest: +SKIP
    'acme_customers'
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from airflow_provider_integrations.core.contract import Contract
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.core.key_groups import check_keys
from airflow_provider_integrations.core.source import FileSource
from airflow_provider_integrations.core.table_source import TableSource

if TYPE_CHECKING:  # A DAG file reads sources alone.
    from airflow_provider_integrations.connectors.edi.guide import Guides

__all__ = [
    "Source",
    "read_contract",
    "read_file_source",
    "read_guides",
    "read_source",
    "read_source_contract",
    "read_sources",
    "read_table_source",
    "read_template",
    "read_yaml",
]

Source = FileSource | TableSource

_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # The C loader is ten times as fast; DAG parsing feels it.


class _Loader(_Fast):  # type: ignore[misc]
    """Refuses a key that stands twice in a mapping, of which YAML would take the last one in silence."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """The content of one YAML file.

    Raises:
        ConfigError: if it is not there or is no YAML, with the line where reading stopped.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 a safe loader
    except FileNotFoundError:
        raise ConfigError("the file is not there", path=str(path), next_step="Create it or correct the name.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}", next_step="Correct it; nothing was read.") from None


def read_contract(path: Path) -> Contract:
    """The contract in one YAML file.

    Raises:
        ConfigError: also for a pattern, a bound or an allowed value that no file could be decoded by.
    """
    # Here and not above: a DAG file reads sources alone, and this imports Arrow's kernels.
    from airflow_provider_integrations.formats.rules import compile_rules

    contract = Contract.from_mapping(read_yaml(path), where=str(path))
    compile_rules(contract)
    return contract


def read_guides(include: Path, name: str) -> Guides:
    """The EDI guide `include/edi/<name>.yaml` in each of its versions, with the dictionary that it names beside it.

    Raises:
        ConfigError: with what is wrong in either file.
    """
    from airflow_provider_integrations.connectors.edi.guide import Guides

    path = include / "edi" / f"{name}.yaml"
    data = read_yaml(path)
    words = include / "edi" / f"{data.get('dictionary') if isinstance(data, dict) else None}.yaml"
    return Guides.from_mappings(
        data, read_yaml(words) if words.exists() else None, where=str(path), where_dictionary=str(words)
    )


def read_source_contract(include: Path, source: Source) -> Contract:
    """The contract of a source, with its references looked up in the same folder.

    Raises:
        ConfigError: also if the contract has another name, or a reference points at an entity that no source delivers or
            at a column that it does not have: such a reference would never be checked, and nobody would be told; or if its
            deletions are to be swept and a key is a float.
    """
    path = include / "contracts" / f"{source.contract}.yaml"
    contract = read_contract(path)
    if contract.contract != source.contract:
        raise ConfigError(
            "a contract file must be named like its contract",
            path=str(path),
            contract=contract.contract,
            next_step=f"Rename the file to {contract.contract}.yaml or correct `contract:`.",
        )
    if isinstance(source, TableSource) and source.deletes is not None:
        check_keys(contract)
    for reference in contract.references:
        if not (include / "sources" / f"{reference.to}.yaml").exists():
            raise ConfigError(
                "a reference points at an entity that no source delivers",
                path=str(path),
                to=reference.to,
                next_step="Name a source of `sources/`, or add it there.",
            )
        there = read_source(include, reference.to).contract
        columns = {column.name for column in read_contract(include / "contracts" / f"{there}.yaml").columns}
        if missing := sorted(set(reference.to_columns) - columns):
            raise ConfigError(
                "a reference points at columns that are not there",
                path=str(path),
                to=reference.to,
                columns=missing,
                next_step=f"Compare with the contract {there}.",
            )
    return contract


def read_source(include: Path, name: str) -> Source:
    """The source of that name, from `include/sources/<name>.yaml`; its `kind` says which it is.

    Raises:
        ConfigError: also if the file holds a source of another name, since the ledger goes by the name.
    """
    path = include / "sources" / f"{name}.yaml"
    data = read_yaml(path)
    model = TableSource if _kind(data) == "odbc" else FileSource
    source = model.from_mapping(data, where=str(path))
    if source.source != name:
        raise ConfigError(
            "a source file must be named like its source",
            path=str(path),
            source=source.source,
            next_step=f"Rename the file to {source.source}.yaml or correct `source:`.",
        )
    return source


def read_file_source(include: Path, name: str) -> FileSource:
    """The source of that name, which must be one of files.

    Raises:
        ConfigError: for one of another kind.
    """
    source = read_source(include, name)
    if not isinstance(source, FileSource):
        raise _other_kind(name, source.kind)
    return source


def read_table_source(include: Path, name: str) -> TableSource:
    """The source of that name, which must be a table.

    Raises:
        ConfigError: for one of another kind.
    """
    source = read_source(include, name)
    if not isinstance(source, TableSource):
        raise _other_kind(name, source.kind)
    return source


def read_template(include: Path, source: TableSource) -> str | None:
    """The extraction SQL of a source that has one, from `include/sql/extract/`, without the lines that are comments.

    A driver that looks for parameters by itself takes an apostrophe in a comment for the beginning of a text, as SQLite's does.

    Raises:
        ConfigError: when there is no such file.
    """
    if source.template is None:
        return None
    path = include / "sql" / "extract" / source.template
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ConfigError(
            "the template is not there", path=str(path), next_step="Create it or correct the name."
        ) from None
    return "\n".join(line for line in lines if not line.lstrip().startswith("--"))


def read_sources(include: Path, *kinds: str) -> Iterator[tuple[str, Source | ConfigError]]:
    """All sources of some kinds by name, and in the place of one that cannot be read, why: one must not stop the others.

    A file whose kind cannot be read is shown among the files of partners, so that it is shown once.
    """
    for path in sorted((include / "sources").glob("*.yaml")):
        try:
            kind = _kind(read_yaml(path))
        except ConfigError:
            kind = None
        if kinds and (kind if kind == "odbc" else "sftp_pgp") not in kinds:
            continue
        try:
            yield path.stem, read_source(include, path.stem)
        except ConfigError as error:
            yield path.stem, error


def _kind(data: Any) -> object:
    return data.get("kind") if isinstance(data, dict) else None


def _other_kind(name: str, kind: str) -> ConfigError:
    return ConfigError(
        "the source is of another kind", source=name, kind=kind, next_step="Use the operators of its kind."
    )
