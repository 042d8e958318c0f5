"""Reads a tag catalog: YAML, or CSV with a row for each tag.

>>> read_catalog(Path("include/tags/plant1.yaml")).named("plant1.boiler1.*")[0].unit  # doctest: +SKIP
't/h'
"""

from __future__ import annotations

from pathlib import Path

from airflow_provider_integrations.connectors.historian.catalog import Catalog
from airflow_provider_integrations.core.errors import ConfigError
from airflow_provider_integrations.include_yaml import read_yaml

__all__ = ["catalog_path", "read_catalog"]


def catalog_path(include: Path, name: str) -> Path:
    """The file of the catalog that a source names: `include/tags/<name>.yaml`, or `.csv` if there is none."""
    path = include / "tags" / f"{name}.yaml"
    table = include / "tags" / f"{name}.csv"
    return table if table.exists() and not path.exists() else path


def read_catalog(path: Path) -> Catalog:
    """The catalog in one file; what does not end with `.csv` is YAML.

    Raises:
        ConfigError: it is not there, or with all that is wrong in it and where: the key, or the line and the column.
    """
    if path.suffix.lower() != ".csv":
        return Catalog.from_mapping(read_yaml(path), where=str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        step = "Give a file that is there and may be read."
        raise ConfigError("the file cannot be read", path=str(path), why=error.strerror, next_step=step) from None
    except UnicodeDecodeError as error:
        step = "Save it as UTF-8."
        raise ConfigError("the file is not UTF-8", path=str(path), byte=error.start, next_step=step) from None
    return Catalog.from_csv(text, where=str(path))
