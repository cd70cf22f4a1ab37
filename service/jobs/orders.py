"""What operators may have done as a job: each is a command of `precedent`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal, cast

import msgspec

from indexer.settings import Settings
from indexer.ticket import MAX_ID_LENGTH, TicketError
from service.doc import doc
from service.jobs.store import JobKind
from service.jobs.uploads import UPLOAD_ID, export_of, remove_export

__all__ = ["REPORT", "AnyOrder", "Order"]

REPORT = "report.json"
"""The file in the job's folder that the command writes its report to, if it does not print it."""

_MOST_IDS = 1_000
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH)]


class Order(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=str.lower, forbid_unknown_fields=True
):
    """One thing to be done: the command of that name."""

    finds: ClassVar[bool] = False
    """Whether an exit status other than 0, without a complaint, says what the command found."""

    is_told: ClassVar[bool] = False
    """Whether the job says what was ordered, so that it can be ordered again."""

    options: ClassVar[tuple[str, ...]] = ()
    """Fields that are options of the command, by their names."""

    @property
    def kind(self) -> JobKind:
        """The name of the command."""
        return cast("JobKind", self.__struct_config__.tag)

    def arguments(self, settings: Settings, folder: Path) -> list[str]:
        """Return the command with its options.

        :param folder: of this job, where files may be written that are gone after it.
        :raises TicketError: it cannot be done like that.
        """
        given = {name.replace("_", "-"): getattr(self, name) for name in self.options}
        options = [
            f"--{name}" if value is True else f"--{name}={value}"
            for name, value in given.items()
            if value is not None and value is not False
        ]
        return [self.kind, *options, *self._more(settings, folder)]

    def clean_up(self, settings: Settings) -> None:
        """Remove what nobody needs when it is done."""

    def said(self, settings: Settings, words: str) -> str:
        """Return what the command said, for who ordered it."""
        del settings
        return words

    def _more(self, settings: Settings, folder: Path) -> list[str]:
        """Return where the report goes, and what else is no field's option."""
        del settings, folder
        return ["--json"]


class Rebuild(Order, frozen=True, kw_only=True):
    """Build a new generation from the ledger and switch to it, or return to the previous one."""

    options = ("rollback", "force")
    rollback: Annotated[bool, doc("return to the previous generation instead")] = False
    force: Annotated[bool, doc("switch even if the new one seems worse")] = False


class Verify(Order, frozen=True, kw_only=True):
    """Check the ledger, and the index against it."""

    finds = True
    options = ("full", "repair")
    full: Annotated[bool, doc("search for every ticket, not for a sample of 500")] = False
    repair: Annotated[bool, doc("write again what is wrong in the index first")] = False


class Evaluate(Order, frozen=True, kw_only=True):
    """Back-test the priority, or another field, on later tickets of the store; the report is the whole of its numbers."""

    options = ("field", "folds")
    field: Annotated[_Name | None, doc("predict this field instead")] = None
    folds: Annotated[int, msgspec.Meta(ge=1, le=20, description="how often the clock is turned back")] = 5

    def _more(self, settings: Settings, folder: Path) -> list[str]:
        del settings
        return [f"--out={folder / 'report.html'}", f"--json={folder / REPORT}"]


class Audit(Order, frozen=True, kw_only=True):
    """Find near-duplicate tickets of the store with contradictory priorities; the report names the most suspicious by their ids."""

    def _more(self, settings: Settings, folder: Path) -> list[str]:
        return [*super()._more(settings, folder), f"--out={folder / 'audit.csv'}"]


class Backup(Order, frozen=True, kw_only=True):
    """Copy all tickets and vectors into a new file in ``PRECEDENT_BACKUP_DIR``."""

    def _more(self, settings: Settings, folder: Path) -> list[str]:
        if settings.backup_dir is None:
            msg = "no folder for backups is set: name one in PRECEDENT_BACKUP_DIR, outside PRECEDENT_DATA_DIR"
            raise TicketError(msg)
        file = settings.backup_dir / f"precedent-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}.backup"
        return [*super()._more(settings, folder), str(file)]


class Forget(Order, frozen=True, kw_only=True):
    """Erase tickets from everything stored, and prove it: the report is the receipt."""

    finds = True
    options = ("tag", "deleted")
    ids: Annotated[
        list[_Name],
        msgspec.Meta(max_length=_MOST_IDS, description="of tickets that are stored or were deleted"),
    ] = []
    tag: Annotated[Annotated[str, msgspec.Meta(min_length=1)] | None, doc("all tickets with this tag")] = None
    deleted: Annotated[bool, doc("all tickets that were deleted before")] = False

    def _more(self, settings: Settings, folder: Path) -> list[str]:
        return [*super()._more(settings, folder), "--", *self.ids]


class _OfUpload(Order, frozen=True, kw_only=True):
    """Something to be done with an export that was sent to `/v1/uploads`."""

    is_told = True
    finds = True
    options: ClassVar[tuple[str, ...]] = ("date_format", "time_zone", "source")
    upload: Annotated[str, msgspec.Meta(pattern=UPLOAD_ID, description="id of the export")]
    columns: Annotated[
        dict[str, str], doc('columns by the field that they hold, as of `--map`: `{"body": "Issue Text"}`')
    ] = {}
    date_format: Annotated[
        Literal["day-first", "month-first"] | None, doc("order of dates such as 02/03/2024")
    ] = None
    time_zone: Annotated[
        Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None,
        doc("of times that name none: `Europe/Berlin`"),
    ] = None
    source: Annotated[_Name | None, doc("the name to store the tickets under")] = None

    def _more(self, settings: Settings, folder: Path) -> list[str]:
        export = export_of(settings.data_dir, self.upload)
        if export is None:
            msg = f"no export {self.upload} waits: send it to /v1/uploads again"
            raise TicketError(msg)
        columns = [f"--map={field}={column}" for field, column in self.columns.items()]
        return [*super()._more(settings, folder), *columns, "--", str(export)]

    def said(self, settings: Settings, words: str) -> str:
        """Return what the command said without the path of the export."""
        export = export_of(settings.data_dir, self.upload)
        return words if export is None else words.replace(f"{export.parent}/", "")


class Inspect(_OfUpload, frozen=True, kw_only=True):
    """Look at an export, as `precedent inspect` does: what its columns became, counts, and what is doubtful."""


class Sync(_OfUpload, frozen=True, kw_only=True):
    """Store the tickets of an export, as `precedent sync` does; what is stored already is passed over."""

    options = (*_OfUpload.options, "dry_run")
    dry_run: Annotated[bool, doc("tell what it would do, and cost, and do nothing")] = False

    def clean_up(self, settings: Settings) -> None:
        """Delete the export."""
        if not self.dry_run:
            remove_export(settings.data_dir, self.upload)


AnyOrder = Rebuild | Verify | Evaluate | Audit | Backup | Forget | Inspect | Sync
