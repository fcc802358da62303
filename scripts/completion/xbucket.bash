# SPDX-FileCopyrightText: the xbucket authors
# bash completion for xbucket. Options come from --help, so that they are those of the program that is
# installed.

# The long options that a command knows, with '=' behind those that take a value.
_xbucket_options() {
    xbucket "$@" --help 2>/dev/null |
        sed -n 's/^ \{1,4\}\(-[^ ,]*, \)\{0,1\}\(--[a-z][-a-z0-9]*=\{0,1\}\).*/\2/p'
}

# The words that an option's value can be: "--stat=list|meta" gives list and meta.
_xbucket_values() { # _xbucket_values OPTION [COMMAND]
    local option=$1
    shift
    xbucket "$@" --help 2>/dev/null |
        sed -n "s/^ \{1,4\}\(-[^ ,]*, \)\{0,1\}$option=\([a-z0-9.-]*|[a-z0-9.|-]*\).*/\2/p" | tr '|' '\n'
}

# Mount points that begin with $1, as one would type them. The kernel writes a blank as \040.
_xbucket_mountpoints() {
    local point
    while IFS= read -r point; do
        printf -v point '%b' "${point//\\/\\0}"
        printf -v point '%q' "$point"
        [[ $point == "$1"* ]] && printf '%s\n' "$point"
    done < <(awk '{ for (i = 7; i < NF; i++) if ($i == "-" && $(i+1) == "fuse.xbucket") print $5 }' \
        /proc/self/mountinfo 2>/dev/null)
}

_xbucket() {
    local cur prev words cword split
    _init_completion -s -n : || return
    local commands='stat set unset find dump restore mounts stats status sync refresh unmount credentials doctor serve help'
    local command='' word
    for word in "${words[@]:1:cword-1}"; do
        [[ $word == -* ]] && continue
        [[ " $commands " == *" $word "* ]] && command=$word
        break
    done
    local -a of=()
    [[ -n $command && $command != help ]] && of=("$command")

    if $split || [[ $prev == --* && $prev != *=* && $cur != -* ]]; then
        case $prev in
        --config | --credentials-file | --ca-bundle | --log-file | --log | --unix-socket)
            _filedir
            return
            ;;
        --spool)
            _filedir -d
            return
            ;;
        esac
        if $split; then
            mapfile -t COMPREPLY < <(compgen -W "$(_xbucket_values "$prev" "${of[@]}")" -- "$cur")
            return
        fi
    fi
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_xbucket_options "${of[@]}")" -- "$cur")
        [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
        return
    fi
    case $command in
    '')
        if ((cword == 1)); then
            mapfile -t COMPREPLY < <(compgen -W "$commands oss:// s3:// local:" -- "$cur")
            [[ ${COMPREPLY[0]-} == *:* ]] && compopt -o nospace
            declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur"
        else
            _filedir -d
        fi
        ;;
    help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
    mounts) ;;
    unmount | stats | status)
        mapfile -t COMPREPLY < <(_xbucket_mountpoints "$cur")
        ;;
    serve) _filedir -d ;;
    set | unset)
        if [[ $cur != */* ]] && ((cword == 2)); then
            local equals=''
            [[ $command == set ]] && equals='='
            mapfile -t COMPREPLY < <(compgen -W "http.cache-control$equals http.content-type$equals
                http.content-disposition$equals http.content-encoding$equals
                http.content-language$equals http.expires$equals" -- "$cur")
            [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
        else
            _filedir
        fi
        ;;
    *) _filedir ;;
    esac
} && complete -F _xbucket xbucket
