"""Which commit the action compares with: what was there before the change, so that nobody answers for others."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from played_runner import NUMBER, Done, Hub, Job
from repositories import git

FIRST_STEP = "Choose the baseline"
NO_COMMIT = "0" * 40
SAID = (
    "the branch that this pull request is for, as it is now",
    "the commit where this branch left the one that it is for",
    "what stands before this group in the merge queue",
    "the branch before this push",
    "the commit before this one",
    "the one that the workflow names",
)


def chosen(job: Job, **inputs: str) -> Done:
    return job.run({"model": "mixers:Mixer"} | inputs, only=FIRST_STEP)


def assert_compares(job: Job, server: Hub, revision: str, **inputs: str) -> None:
    """With the commit that `revision` names on the server, which is in the checkout then, with its files."""
    done = chosen(job, **inputs)
    assert done.code == 0, done.log
    wanted = git(server.root, "rev-parse", f"{revision}^{{commit}}")
    assert done.outputs["action"]["baseline"] == wanted
    assert done.outputs["versions"]["why"] in SAID
    assert done.outputs["versions"]["candidate"] == git(job.checkout, "rev-parse", "HEAD")
    assert git(job.checkout, "ls-tree", "-r", wanted) == git(server.root, "ls-tree", "-r", wanted)


def assert_refused(done: Done, *said: str) -> None:
    """Exit 2, and one error that says these words."""
    assert done.code == 2, done.log
    (line,) = [line for line in done.log.splitlines() if line.startswith("::error title=rnn-vs-attn::")]
    for words in said:
        assert words in line


# Pull requests


@pytest.mark.parametrize("depth", [1, 2, 0])
def test_a_pull_request_is_compared_with_its_target_as_it_is(server: Hub, depth: int) -> None:
    """So that what others did on `main` is on both sides. With one commit only, the other is fetched."""
    job = server.pull_request(depth=depth)
    assert_compares(job, server, "main")
    assert (git(job.checkout, "rev-parse", "--is-shallow-repository") == "true") == (depth > 0)


def test_a_pull_request_from_a_fork_is_compared_alike(server: Hub) -> None:
    assert_compares(server.pull_request(fork=True), server, "main")


@pytest.mark.parametrize("depth", [1, 2, 0])
def test_where_the_branch_is_checked_out_it_is_where_it_left_its_target(server: Hub, depth: int) -> None:
    server.commit("topic", {"topic.txt": "more\n"})
    server.commit("topic", {"topic.txt": "and more\n"})
    assert_compares(server.pull_request(head=True, depth=depth), server, "topic~3")


def test_a_branch_that_took_its_target_in_last_is_no_merge_for_the_pull_request(server: Hub) -> None:
    """Its first parent is the branch before that, and others' changes would be its own."""
    git(server.root, "checkout", "--quiet", "topic")
    git(server.root, "merge", "--quiet", "--no-ff", "--message", "main into topic", "main")
    server.commit("main", {"notes.txt": "later\n"})
    assert_compares(server.pull_request(head=True), server, "main~1")


def test_a_target_that_went_on_since_the_event_is_taken_as_it_is(server: Hub) -> None:
    """The branch has since taken in commits that its target did not have when the pull request was opened."""
    job = server.pull_request()
    shutil.rmtree(job.checkout)
    git(server.root, "checkout", "--quiet", "main")
    server.commit("main", {"notes.txt": "later\n"})
    git(server.root, "checkout", "--quiet", "topic")
    git(server.root, "merge", "--quiet", "--no-ff", "--message", "main into topic", "main")
    job.checkout = server.checked_out("refs/heads/topic", 1)
    assert_compares(job, server, "main")


@pytest.mark.parametrize("name", ["it's", 'a"b', "$(touch x)", "a`touch x`", "a&b", "-rf"])
def test_the_name_of_a_branch_is_no_command(server: Hub, name: str) -> None:
    """Whatever git takes for a name."""
    name = f"of/{name.replace(' ', '${IFS}')}"
    git(server.root, "branch", name, "main")
    job = server.pull_request(into=name, head=True)
    assert_compares(job, server, "topic~1")
    assert_compares(job, server, name, baseline=name)
    assert not (job.checkout / "x").exists()


# Other events


def test_a_group_of_the_merge_queue_is_compared_with_what_stands_before_it(server: Hub) -> None:
    """It may have several commits on top of that."""
    before = git(server.root, "rev-parse", "main")
    server.commit("queue", {"notes.txt": "one\n"}, start="main")
    server.commit("queue", {"notes.txt": "two\n"})
    job = server.event("merge_group", {"merge_group": {"base_sha": before}}, branch="queue", depth=1)
    assert_compares(job, server, "main")


def test_a_push_is_compared_with_what_was_there(server: Hub) -> None:
    before = git(server.root, "rev-parse", "main")
    for text in ("one\n", "two\n", "three\n"):
        server.commit("main", {"notes.txt": text})
    assert_compares(server.push(before), server, "main~3")


def test_a_push_that_overwrites_a_branch_is_compared_with_what_was_there(server: Hub) -> None:
    """Which is on no branch any more."""
    before = git(server.root, "rev-parse", "topic")
    server.commit("topic", {"topic.txt": "anew\n"}, start="main")
    server.commit("topic", {"topic.txt": "and anew\n"})
    assert_compares(server.push(before, branch="topic"), server, before)


@pytest.mark.parametrize("depth", [1, 2, 0])
@pytest.mark.parametrize("before", [NO_COMMIT, "1" * 40, ""], ids=["new branch", "gone", "none"])
def test_where_nothing_was_there_it_is_the_parent(server: Hub, before: str, depth: int) -> None:
    job = server.push(before, depth=depth)
    assert_compares(job, server, "main~1")


@pytest.mark.parametrize("name", ["schedule", "workflow_dispatch"])
def test_what_is_no_change_is_compared_with_the_parent(server: Hub, name: str) -> None:
    assert_compares(server.event(name, {}, depth=1), server, "main~1")


# In words


def test_it_is_said_what_the_baseline_is(server: Hub) -> None:
    before = git(server.root, "rev-parse", "main~1")
    jobs = [lambda: server.pull_request(), lambda: server.pull_request(head=True)]
    jobs += [lambda: server.event("merge_group", {"merge_group": {"base_sha": before}}), lambda: server.push(before)]
    jobs += [lambda: server.push(NO_COMMIT)]
    said = []
    for begin in jobs:
        job = begin()
        said.append(chosen(job).outputs["versions"]["why"])
        shutil.rmtree(job.checkout)
    assert said == list(SAID[:5])
    assert chosen(server.push(before), baseline="main").outputs["versions"]["why"] == SAID[5]


# A baseline of one's own


@pytest.mark.parametrize("depth", [2, 0])
@pytest.mark.parametrize("name", ["main", "origin/main", "refs/heads/main", "v1", "a commit"])
def test_a_baseline_that_is_given_goes_before(server: Hub, name: str, depth: int) -> None:
    first = git(server.root, "rev-parse", "topic~1")
    git(server.root, "tag", "--annotate", "--message", "a tag", "v1", first)
    wanted = {"v1": first, "a commit": first}.get(name, "main")
    job = server.pull_request(depth=depth)
    assert_compares(job, server, wanted, baseline=first if name == "a commit" else name)
    if depth == 0:  # no fetch has cut it
        assert git(job.checkout, "rev-parse", "--is-shallow-repository") == "false"


# What cannot be


def test_a_baseline_that_is_nowhere_is_refused_with_the_command_that_fetches_it(server: Hub) -> None:
    job = server.pull_request()
    assert_refused(chosen(job, baseline="v9"), "the baseline v9 ", "fetch-depth: 0", "git fetch --depth=1 origin v9")


@pytest.mark.parametrize(
    "value", ["$(touch x)", "`touch x`", '"; touch x; "', "--upload-pack=touch x", "a\n::error::b"]
)
def test_a_baseline_is_no_command(server: Hub, value: str) -> None:
    """Neither to a shell, nor to git, nor to the runner."""
    job = server.pull_request()
    done = chosen(job, baseline=value)
    assert_refused(done, "the baseline ")
    assert not (job.checkout / "x").exists()
    assert not any(line.startswith("::error::") for line in done.log.splitlines())


def test_where_a_server_gives_no_single_commits_the_way_out_is_said(server: Hub) -> None:
    """As old ones do. The parent is in the clone that actions/checkout makes with two commits, and is not with one."""
    git(server.root, "config", "--unset", "uploadpack.allowAnySHA1InWant")
    job = server.pull_request(depth=1)
    job.variables |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.version", "GIT_CONFIG_VALUE_0": "0"}
    wanted = git(server.root, "rev-parse", "main")
    git(server.root, "checkout", "--quiet", "main")
    server.commit("main", {"notes.txt": "later\n"})
    assert_refused(chosen(job), f"the baseline {wanted} is not in this clone", f"git fetch --depth=1 origin {wanted}")
    shutil.rmtree(job.checkout)
    job.checkout = server.checked_out(f"refs/pull/{NUMBER}/merge", 2)
    assert_compares(job, server, wanted)


def test_a_first_commit_has_none(server: Hub) -> None:
    git(server.root, "branch", "--force", "first", "topic~1")
    assert_refused(chosen(server.push(NO_COMMIT, branch="first")), "it is the first one", "give one as baseline")


def test_a_branch_that_shares_nothing_with_its_target_has_none(server: Hub) -> None:
    git(server.root, "checkout", "--quiet", "--orphan", "other")
    git(server.root, "commit", "--quiet", "--message", "another beginning")
    assert_refused(chosen(server.pull_request("other", head=True)), "shares none with its target")


def test_a_folder_without_a_checkout_is_refused(server: Hub) -> None:
    job = server.pull_request()
    shutil.rmtree(job.checkout / ".git")
    assert_refused(chosen(job), "no commit checked out in ", "use actions/checkout")


def test_strangers_code_beside_secrets_is_refused(server: Hub) -> None:
    job = server.pull_request()
    job.event_name = "pull_request_target"
    assert_refused(chosen(job), "use pull_request")


def test_another_system_than_linux_is_refused(server: Hub) -> None:
    job = server.pull_request()
    job.program("uname", "#!/bin/sh\necho Darwin\n")
    assert_refused(chosen(job), "runs on Linux only and this is Darwin", "runs-on: ubuntu-latest")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user, as a container's are")
def test_a_checkout_of_another_user_is_read_too(server: Hub) -> None:
    """Beside what the job itself tells git by variables."""
    job = server.pull_request()
    subprocess.run(["chown", "-R", "12345", str(job.checkout)], check=True)
    job.variables |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "url.a.insteadOf", "GIT_CONFIG_VALUE_0": "b"}
    done = chosen(job)
    assert done.outputs["action"]["baseline"] == git(server.root, "rev-parse", "main")
