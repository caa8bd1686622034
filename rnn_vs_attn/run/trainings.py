"""The trainings of a run: several at a time, each kept in the run's folder, none timed against another. No torch."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from rnn_vs_attn.errors import CaseFault, UserError
from rnn_vs_attn.limits import TimeIsUp
from rnn_vs_attn.records.folder import StorageError
from rnn_vs_attn.run.measuring import Measuring
from rnn_vs_attn.suites.case import Case, axes_of
from rnn_vs_attn.training.chosen import FOLDER
from rnn_vs_attn.worker.lanes import Conversation, Lanes
from rnn_vs_attn.worker.protocol import About, Request, Train, Trained

_LONGEST = 80  # letters of a model's folder before what makes it the only one


def folder_name(case: Case, number: int) -> str:
    """Of what one round has trained: readable, and another one for each case and round."""
    digest = hashlib.sha256(json.dumps(axes_of(case), sort_keys=True).encode()).hexdigest()[:8]
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{case.label} {case.seq_len}").strip("-.")[:_LONGEST]
    return f"{readable}-{digest}-round-{number}"


class Trainings:
    """Those of one run, in `lanes`."""

    def __init__(self, measuring: Measuring, lanes: Lanes) -> None:
        self._measuring = measuring
        self._lanes = lanes

    def through(self, cases: Sequence[Case], number: int) -> None:
        """Train each of the cases with the seed of a round. TimeIsUp where --max-seconds passes: what was trained is
        kept, and --resume goes on there.
        """
        begun = self._measuring.clock()
        self._lanes.through(self._training(case, number) for case in cases)
        self._measuring.spent.cases += self._measuring.clock() - begun

    def end(self) -> None:
        self._lanes.end()

    def _training(self, case: Case, number: int) -> Conversation:
        """A fault of its own is recorded and costs this case only."""
        journal, folder = self._measuring.journal, self._folder(case, number)
        request = Train(About.of(journal.suite, case, self._measuring.limits.max_memory), number, str(folder))
        try:
            told = yield from self._to_the_end(case, request)
        except StorageError:
            raise
        except (CaseFault, UserError) as error:
            fault = error if isinstance(error, CaseFault) else CaseFault("failed", str(error))
            journal.fault(case, number, fault, journal.suite.owed(case))
        else:
            journal.samples(case, number, told.samples)
        self._measuring.progress.case_ends(case)

    def _to_the_end(self, case: Case, request: Train) -> Generator[Request[Any], Any, Trained]:
        while True:
            if self._measuring.clock() > self._measuring.schedule.ends:
                raise TimeIsUp
            told: Trained = yield request
            if told.samples:
                return told
            self._measuring.progress.case_goes_on(case, told)

    def _folder(self, case: Case, number: int) -> Path:
        return self._measuring.journal.folder.path.resolve() / FOLDER / folder_name(case, number)
