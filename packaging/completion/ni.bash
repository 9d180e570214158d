# bash completion of ni(1): commands, options, formats, tags, and, from the live server, directory paths, property names
# and values. Without an answer within two seconds nothing is offered; nothing ever asks for a password.

# The program, with the words of the line that choose server and domain.
_ni_ask() {
    local -a where=()
    local i word
    for ((i = 1; i < ${#_ni_words[@]} - 1; i++)); do
        word=${_ni_words[i]}
        case $word in
        -s | -d | --server | --domain) where+=("$word" "${_ni_words[i + 1]}") ;;
        --server=* | --domain=*) where+=("$word") ;;
        esac
    done
    "${_ni_words[0]}" "$@" "${where[@]}" --timeout 2 </dev/null 2>/dev/null
}

# The words up to the cursor as the shell will see them, in _ni_words: readline also cuts at `=` and `:`, and leaves
# backslashes and opening quotes in place.
_ni_split() {
    local line=${COMP_LINE:0:COMP_POINT} word i
    local -a raw=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $line == [[:blank:]]* || i -eq 0 ]]; then
            line=${line#"${line%%[![:blank:]]*}"}
            raw+=("")
        fi
        raw[${#raw[@]} - 1]+=${line:0:${#word}}
        line=${line:${#word}}
    done
    _ni_words=()
    for word in "${raw[@]}"; do
        word=${word#[\'\"]}
        IFS= read -d '' word <<<"$word" # without -r: one level of backslashes goes
        _ni_words+=("${word%$'\n'}")
    done
    _ni_words[0]=${_ni_words[0]/#\~\//$HOME/}
}

# Offers those of the lines on standard input that begin with $1, quoted for the shell. What readline does not replace,
# up to the last `=` or `:`, is cut off.
_ni_offer() {
    local line keep=$1 cut=
    local -a quoted=()
    case $COMP_WORDBREAKS in *=*) [[ $keep == *=* ]] && cut=${keep%=*}= ;; esac
    case $COMP_WORDBREAKS in *:*) [[ $keep == *:* && ${#cut} -lt ${#keep} && ${keep%:*}: == "$cut"* ]] && cut=${keep%:*}: ;; esac
    while IFS= read -r line; do
        [[ $line == "$keep"* ]] || continue
        line=${line#"$cut"}
        # Inside quotes the shell takes what stands there.
        [[ ${COMP_WORDS[COMP_CWORD]} == [\'\"]* ]] || printf -v line %q "$line"
        quoted+=("$line")
    done
    COMPREPLY+=("${quoted[@]}")
}

# Children of the directory that $1 lies in; a single one that has children of its own gets a slash.
_ni_paths() {
    local word=$1 parent=${1%/*} prefix=${1##*/} found
    local -a condition=()
    [[ $word == /* ]] || return
    while [[ $parent == *\\ ]]; do # that slash belongs to a name
        prefix=${parent##*/}/$prefix
        parent=${parent%/*}
    done
    [[ $parent ]] || parent=/
    # A prefix with escapes or a key is compared here instead of there.
    [[ $prefix && $prefix != *[\\=]* ]] && condition=("name^=$prefix")
    found=$(_ni_ask find --depth 1 -n 1000 "$parent" "${condition[@]}")
    _ni_offer "$word" <<<"$found"
    [[ ${#COMPREPLY[@]} -eq 1 ]] || return
    while IFS= read -r found; do
        [[ $found == "$word"* ]] && break
    done <<<"$found"
    if [[ $(_ni_ask find --depth 1 -n 1 "$found") ]]; then
        COMPREPLY[0]+=/
        compopt -o nospace 2>/dev/null
    fi
}

# Names of the properties of a directory.
_ni_keys() {
    _ni_ask get --json "$1" | sed -n 's/^      "name": "\(.*\)",\{0,1\}$/\1/p'
}

# Those of a directory's first child.
_ni_child_keys() {
    local child
    child=$(_ni_ask find --depth 1 -n 1 "$1")
    [[ $child ]] && _ni_keys "$child"
}

# Names of the children of a directory.
_ni_names() {
    _ni_ask find --depth 1 -n 1000 "$1" | sed "s,^$1/,,"
}

_ni_options() {
    "${_ni_words[0]}" "$@" --help 2>/dev/null | sed -n 's/^  \(-., \|    \)\(--[a-z-]*\).*/\2/p'
}

# key=value of a directory that is there: names with $2 behind them, then the values it has.
_ni_properties() {
    local path=$1 tail=$2 word=$3 value
    if [[ $word == *=* ]]; then
        _ni_offer "$word" < <(_ni_ask get "$path" "${word%%=*}" | while IFS= read -r value; do printf '%s=%s\n' "${word%%=*}" "$value"; done)
        return
    fi
    [[ $tail ]] && compopt -o nospace 2>/dev/null
    _ni_offer "$word" < <(_ni_keys "$path" | sed "s/\$/$tail/")
}

# Operand number $2 (from 1) of command $1; the operands before it follow.
_ni_operand() {
    local command=$1 n=$2 word=${_ni_words[${#_ni_words[@]} - 1]} parent
    shift 2
    case $command in
    ls | log | watch) ((n == 1)) && _ni_paths "$word" ;;
    get) if ((n == 1)); then _ni_paths "$word"; else _ni_offer "$word" < <(_ni_keys "$1"); fi ;;
    set) if ((n == 1)); then _ni_paths "$word"; else _ni_properties "$1" = "$word"; fi ;;
    rm) if ((n == 1)); then _ni_paths "$word"; else _ni_properties "$1" "" "$word"; fi ;;
    mv) _ni_paths "$word" ;;
    add)
        parent=${1%/*}
        if ((n == 1)); then
            _ni_paths "$word"
        elif [[ $word != *=* ]]; then
            compopt -o nospace 2>/dev/null
            _ni_offer "$word" < <(_ni_child_keys "${parent:-/}" | sed 's/$/=/')
        fi
        ;;
    find)
        if [[ $word == /* || n -eq 1 && ! $word ]]; then
            _ni_paths "${word:-/}"
        elif [[ $word != *=* ]]; then
            compopt -o nospace 2>/dev/null
            _ni_offer "$word" < <(_ni_child_keys "${1:-/users}")
        fi
        ;;
    import)
        case $n.$1 in
        1.*) _ni_offer "$word" < <(printf '%s\n' list nidb nis ldif "$("${_ni_words[0]}" import list | cut -d' ' -f1)") ;;
        *) compopt -o default 2>/dev/null ;;
        esac
        ;;
    export) ((n == 1)) && _ni_offer "$word" < <(printf '%s\n' ldif cups "$("${_ni_words[0]}" import list | cut -d' ' -f1)") ;;
    domain)
        ((n == 1)) && _ni_offer "$word" < <(printf '%s\n' list create destroy tree name clone promote demote replica)
        ((n == 2)) && [[ $1 == @(destroy|promote|demote|replica) ]] && _ni_offer "$word" < <(_ni_ask domain list | cut -d' ' -f1)
        ;;
    token)
        ((n == 1)) && _ni_offer "$word" < <(printf '%s\n' create list rm)
        ((n == 2)) && [[ $1 == rm ]] && _ni_offer "$word" < <(_ni_ask token list | cut -d' ' -f1)
        ;;
    machine)
        ((n == 1)) && _ni_offer "$word" < <(printf '%s\n' list rm)
        ((n == 2)) && [[ $1 == rm ]] && _ni_offer "$word" < <(_ni_ask machine list | cut -d' ' -f1)
        ;;
    init | join | renew) ;;
    store) if ((n == 1)); then _ni_offer "$word" < <(printf '%s\n' stat check dump load copy); else compopt -o default 2>/dev/null; fi ;;
    aliases | printers) ;;
    automount) ((n == 1)) && _ni_offer "$word" < <(_ni_names /mounts | sed -n 's/:.*//p' | sort -u) ;;
    getent) ((n == 1)) && _ni_offer "$word" < <(printf '%s\n' passwd group shadow gshadow initgroups hosts ahosts networks services protocols rpc ethers netgroup aliases) ;;
    explain)
        case $n.$1 in
        1.) _ni_offer "$word" < <(printf '%s\n' user group shadow gshadow netgroup host ethers network service protocol rpc alias may) ;;
        2.user | 2.shadow | 2.may) _ni_offer "$word" < <(_ni_names /users) ;;
        2.group | 2.gshadow) _ni_offer "$word" < <(_ni_names /groups) ;;
        2.host | 2.ethers) _ni_offer "$word" < <(_ni_names /machines) ;;
        3.may) _ni_offer "$word" < <(printf '%s\n' read write) ;;
        4.may) _ni_paths "$word" ;;
        esac
        ;;
    help) ((n == 1)) && _ni_offer "$word" < <(_ni_commands) ;;
    *) compopt -o default 2>/dev/null ;;
    esac
}

_ni_commands() {
    "${_ni_words[0]}" --help 2>/dev/null | sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p'
}

_ni() {
    local -a _ni_words operands=()
    local i last command word
    COMPREPLY=()
    _ni_split
    last=$((${#_ni_words[@]} - 1))
    word=${_ni_words[last]}
    if ((last == 1)); then
        _ni_offer "$word" < <(_ni_commands)
        return
    fi
    command=${_ni_words[1]}
    case ${_ni_words[last - 1]} in
    -d | --domain)
        _ni_offer "$word" < <(
            printf '%s\n' / . ..
            _ni_ask domain list | cut -d' ' -f1
        )
        return
        ;;
    -p | --property) if [[ $command == find ]]; then _ni_offer "$word" < <(_ni_child_keys /users); return; fi ;;
    -o | --output | --below) compopt -o default 2>/dev/null; return ;;
    --password-file | --file | --dir | --config) compopt -o default 2>/dev/null; return ;;
    --from) [[ $command == doctor ]] && compopt -o default 2>/dev/null; return ;;
    -s | --server | --timeout | --user | --at | --depth | --most | --trust | --run | --name | --tag | --listen | --machine | --count | --ttl) return ;;
    esac
    if [[ $word == -* ]]; then
        case $command.${_ni_words[2]} in
        import.nidb | import.nis | import.ldif | export.ldif | export.cups) _ni_offer "$word" < <(_ni_options "$command" "${_ni_words[2]}") ;;
        *) _ni_offer "$word" < <(_ni_options "$command") ;;
        esac
        return
    fi
    for ((i = 2; i < last; i++)); do
        case ${_ni_words[i]} in
        -s | -d | --server | --domain | --timeout | --user | --password-file | --file | --at | --depth | --most | --dir | --from | --config | -o | --output | --below | --trust | --run | --name | --tag | --listen | --machine | --count | --ttl) ((i++)) ;;
        -p) [[ $command == find ]] && ((i++)) ;;
        -*) ;;
        *) operands+=("${_ni_words[i]}") ;;
        esac
    done
    _ni_operand "$command" $((${#operands[@]} + 1)) "${operands[@]}"
}

complete -F _ni ni
