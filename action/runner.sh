# What every script says to the runner, and what git must be told on one. Sourced.

# In a container the checkout belongs to another user, whom git does not trust by itself.
number=${GIT_CONFIG_COUNT:-0}
export "GIT_CONFIG_KEY_$number=safe.directory" "GIT_CONFIG_VALUE_$number=*" GIT_CONFIG_COUNT=$((number + 1))

annotate() { # KIND TEXT: shown beside the job and on the pull request
  local text=${2//'%'/%25}
  text=${text//$'\r'/%0D}
  printf '::%s title=rnn-vs-attn::%s\n' "$1" "${text//$'\n'/%0A}"
}

refuse() { # TEXT: what cannot be, what is allowed, what to do
  annotate error "$1"
  exit 2
}

output() { # NAME VALUE: for the steps that follow; a value is on one line
  printf '%s=%s\n' "$1" "$2" >> "$GITHUB_OUTPUT"
}

is_true() { # NAME VALUE
  case $2 in
    true) return 0 ;;
    false) return 1 ;;
    *) refuse "$1 is '$2'; it can be true or false" ;;
  esac
}
