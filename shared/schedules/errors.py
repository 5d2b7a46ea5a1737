"""The refusal of a part of a schedule."""


class ScheduleError(ValueError):
    """A part of a schedule that is refused; `field` is its name within the schedule: `cron`, `every`, `anchor`, `timeZone`, `window`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
