"""A receiver of alerts in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_integrations.core.alert import Alert, AlertAction


@dataclass
class Pager:
    """Keeps what it is told, as a receiver of alerts does: one alert for each key that is open."""

    events: list[tuple[AlertAction, Alert]] = field(default_factory=list)
    opened: set[str] = field(default_factory=set)
    incidents: int = 0

    def __call__(self, action: AlertAction, alert: Alert) -> bool:
        self.events.append((action, alert))
        if action is AlertAction.RESOLVE:
            self.opened.discard(alert.key)
        elif alert.key not in self.opened:
            self.opened.add(alert.key)
            self.incidents += 1
        return True

    @property
    def actions(self) -> list[AlertAction]:
        return [action for action, _ in self.events]
