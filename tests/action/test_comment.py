"""The comment on a pull request: one a job, posted once and edited then, and never what makes the build red."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from played_gh import comments, with_gh
from played_runner import Done, Hub, Job

STEP = "Comment on the pull request"
MARKER = "<!-- rnn-vs-attn 0123456789ab -->"
WHOLE = "The job summary has the verdicts."


@pytest.fixture
def job(server: Hub) -> Job:
    return with_gh(server.pull_request())


def commented(job: Job, text: str = "**Nothing got slower.**\n", name: str = "0123456789ab", **inputs: str) -> Done:
    """The step alone, with a summary of this text."""
    (job.home / "summary.md").write_text(text)
    done = job.run({"model": "m"} | inputs, only=STEP, SUMMARY=str(job.home / "summary.md"), ID=name)
    assert done.codes[STEP] == 0, done.log
    return done


def calls(job: Job) -> list[str]:
    file = job.home / "calls"
    return file.read_text().splitlines() if file.exists() else []


def stand(job: Job, *found: dict[str, Any]) -> None:
    """Comments that are there already."""
    (job.home / "comments.json").write_text(json.dumps(found))


def test_the_first_run_posts_a_comment(job: Job) -> None:
    done = commented(job)
    (found,) = comments(job)
    assert found["body"] == (
        f"{MARKER}\n**Nothing got slower.**\n\n"
        "[The run](https://github.com/owner/layers/actions/runs/42) has all of it.\n"
    )
    assert calls(job)[1] == "POST repos/owner/layers/issues/7/comments"
    assert done.log == "https://github.com/owner/layers/pull/7#issuecomment-100\n"


def test_later_runs_edit_it(job: Job) -> None:
    for text in ("first\n", "second\n", "third\n"):
        commented(job, text)
    (found,) = comments(job)
    assert f"{MARKER}\nthird\n" in found["body"]
    assert [call.split()[0] for call in calls(job)] == ["GET", "POST", "GET", "PATCH", "GET", "PATCH"]
    assert calls(job)[-1] == "PATCH repos/owner/layers/issues/comments/100"


def test_two_jobs_have_two_comments(job: Job) -> None:
    commented(job, "of one\n")
    commented(job, "of another\n", name="ba9876543210")
    commented(job, "of one again\n")
    assert ["of one again\n" in found["body"] for found in comments(job)] == [True, False]


def test_what_others_wrote_is_left_alone(job: Job) -> None:
    """Also where somebody has copied the marker, or quotes it."""
    stranger = {"id": 1, "user": {"login": "stranger"}, "body": f"{MARKER}\nmine"}
    quoting = {"id": 2, "user": {"login": "github-actions[bot]"}, "body": f"> {MARKER}"}
    stand(job, stranger, quoting)
    commented(job)
    assert comments(job)[:2] == [stranger, quoting]
    assert len(comments(job)) == 3


def test_of_several_of_its_own_the_first_is_edited(job: Job) -> None:
    """As two runs at once may have left them."""
    twice = [{"id": i, "user": {"login": "github-actions[bot]"}, "body": f"{MARKER}\n{i}"} for i in (5, 6)]
    stand(job, *twice)
    commented(job)
    assert calls(job)[-1] == "PATCH repos/owner/layers/issues/comments/5"


def test_what_jq_is_asked_for_is_what_this_gh_plays(job: Job) -> None:
    """Word for word, since no jq is run here."""
    text = (Path(job.surroundings()["GITHUB_ACTION_PATH"]) / "action/comment").read_text()
    assert (
        '".[] | select(.user.login == \\"github-actions[bot]\\" and (.body | startswith(\\"$marker\\"))) | .id"' in text
    )


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
@pytest.mark.parametrize(
    "said",
    ["gh: Resource not accessible by integration (HTTP 403)", "::error::a\n##[error]b\n\x1b[31m$(touch x)", ""],
)
def test_where_github_refuses_it_is_said_in_a_line(job: Job, method: str, said: str) -> None:
    if method == "PATCH":
        commented(job)
    (job.home / f"refuses {method}").write_text(said)
    done = commented(job)
    (line,) = done.log.splitlines()
    assert line.startswith("No comment on the pull request: gh says ")
    assert line.endswith(WHOLE)
    assert line.isprintable()
    assert not any(part in line for part in ("::", "##[", "$("))
    if "403" in said:
        assert "Resource not accessible by integration (HTTP 403)" in line


def test_on_a_fork_github_is_not_asked(server: Hub) -> None:
    job = with_gh(server.pull_request(fork=True))
    assert "it comes from a fork" in commented(job).log
    assert calls(job) == []


def test_where_the_fork_is_gone_github_is_not_asked(job: Job) -> None:
    job.event["pull_request"]["head"]["repo"] = None
    assert "it comes from a fork" in commented(job).log
    assert calls(job) == []


def test_without_gh_it_is_said(server: Hub) -> None:
    """A runner of one's own may have none."""
    job = server.pull_request()
    if subprocess.run(["which", "gh"], check=False, capture_output=True).returncode == 0:
        pytest.skip("gh is installed here")
    done = commented(job)
    assert done.log == f"No comment on the pull request: gh is not installed on this runner. {WHOLE}\n"


def test_without_a_pull_request_nothing_is_said(server: Hub) -> None:
    job = with_gh(server.push("0" * 40))
    assert commented(job).log == ""
    assert calls(job) == []


def test_who_wants_none_has_none(job: Job) -> None:
    assert commented(job, comment="false").log == ""
    assert calls(job) == []


def test_without_verdicts_there_is_none(job: Job) -> None:
    assert "there are no verdicts" in commented(job, "").log
    assert calls(job) == []


def test_what_github_would_not_take_is_not_sent(job: Job) -> None:
    commented(job, "x" * 64_000)  # as long as a summary may be
    assert len(comments(job)) == 1
    assert "more than 65,536 characters" in commented(job, "x" * 65_536).log
    assert len(comments(job)) == 1
