"""gh, played: it posts and edits the comments of one pull request, which lie in a file."""

from __future__ import annotations

import json
import sys
from typing import Any

from played_runner import Job

# A line of `calls` for each call. What --jq selects is chosen here by what it must hold.
_GH = """\
#!{python}
import json, os, pathlib, re, sys
home = pathlib.Path(os.environ["HOME"])
words = sys.argv[1:]
assert words.pop(0) == "api"
assert os.environ["GH_TOKEN"] == "a token"
kept = home / "comments.json"
comments = json.loads(kept.read_text()) if kept.exists() else []
options, path = {{}}, None
while words:
    word = words.pop(0)
    if word == "--paginate":
        options[word] = ""
    elif word.startswith("-"):
        options[word] = words.pop(0)
    else:
        path = word
method = options.get("--method", "GET")
with (home / "calls").open("a") as calls:
    calls.write(f"{{method}} {{path}}\\n")
refused = home / f"refuses {{method}}"
if refused.exists():
    print(refused.read_text(), file=sys.stderr)
    sys.exit(1)
if method == "GET":
    assert "--paginate" in options
    login = re.search(r'user.login == "(.+?)"', options["--jq"])[1]
    marker = re.search(r'startswith\\("(.+?)"\\)', options["--jq"])[1]
    for each in comments:
        if each["user"]["login"] == login and each["body"].startswith(marker):
            print(each["id"])
else:
    name, _, file = options["-F"].partition("=@")
    assert name == "body"
    body = pathlib.Path(file).read_text()
    if method == "POST":
        comments.append({{"id": 100 + len(comments), "user": {{"login": "github-actions[bot]"}}, "body": body}})
    else:
        (edited,) = [each for each in comments if path.endswith(f"/comments/{{each['id']}}")]
        edited["body"] = body
    kept.write_text(json.dumps(comments))
    print("https://github.com/owner/layers/pull/7#issuecomment-100")
"""


def with_gh(job: Job) -> Job:
    job.program("gh", _GH.format(python=sys.executable))
    return job


def comments(job: Job) -> list[dict[str, Any]]:
    file = job.home / "comments.json"
    return list(json.loads(file.read_text())) if file.exists() else []
