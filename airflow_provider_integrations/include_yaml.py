"""One YAML file under `include/`, strictly: a key that stands twice is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["kind_of", "read_yaml"]

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


def kind_of(data: Any) -> str | None:
    """What a source file says of its `kind`; None if it says nothing that could be one."""
    kind = data.get("kind") if isinstance(data, dict) else None
    return kind if isinstance(kind, str) else None
