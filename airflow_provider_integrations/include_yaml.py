"""One YAML file under `include/`, strictly: a key that stands twice is an error."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import yaml

from airflow_provider_integrations.core.errors import ConfigError

__all__ = ["kind_of", "read_yaml", "shown_name"]

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
        ConfigError: if it is not there, cannot be read or is no YAML, with the line where reading stopped.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 a safe loader
    except FileNotFoundError:
        raise ConfigError("the file is not there", path=str(path), next_step="Create it or correct the name.") from None
    except OSError as error:
        step = "Give the worker a file that it may read."
        raise ConfigError("the file cannot be read", path=str(path), why=error.strerror, next_step=step) from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:
        # Not only its own errors: so it meets `!!bool x`, `!!map [1]` or a 13th month.
        raise ConfigError(f"{path} is not YAML: {error}", next_step="Correct it; nothing was read.") from None


def shown_name(path: Path) -> str:
    """What a source file is called where it cannot be read: its name, made one that a DAG can have.

    >>> shown_name(Path("acme.yaml")), shown_name(Path("acme (1).yaml"))
    ('acme', 'acme__1_-f7400a')
    """
    name = path.stem
    if re.fullmatch(r"[A-Za-z0-9_]{1,80}", name):
        return name
    return f"{re.sub('[^A-Za-z0-9_]', '_', name)[:80]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:6]}"


def kind_of(data: Any) -> str | None:
    """What a source file says of its `kind`; None if it says nothing that could be one."""
    kind = data.get("kind") if isinstance(data, dict) else None
    return kind if isinstance(kind, str) else None
