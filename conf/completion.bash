# Completion of dbcertctl and dbcertd for bash.

_dbcertctl_names() # what the daemon watches, if it answers
{
    dbcertctl "$@" --json status 2>/dev/null | sed -n 's/^      "name": "\([^"]*\)",\{0,1\}$/\1/p'
}

_dbcertctl_findings()
{
    dbcertd --list-findings 2>/dev/null | cut -f1
}

_dbcertctl()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' i options
    local commands="status watch show findings history silence probe check forecast authorities plan trust rds scan"
    local engines="postgres aurora-postgresql mysql aurora-mysql mariadb sqlserver custom-sqlserver oracle custom-oracle db2 docdb
        neptune redshift tls"
    local cas="rds-ca-rsa2048-g1 rds-ca-rsa4096-g1 rds-ca-ecc384-g1" socket=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --socket)
            socket=(--socket "${COMP_WORDS[++i]}")
            continue ;;
        esac
        [[ -z $command && " $commands " == *" ${COMP_WORDS[i]} "* ]] && command=${COMP_WORDS[i]}
    done
    case $before in
    --socket | --file | --ca-file | --password-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return ;;
    --expect-ca)
        mapfile -t COMPREPLY < <(compgen -W "$cas" -- "$word")
        return ;;
    --engine)
        mapfile -t COMPREPLY < <(compgen -W "$engines" -- "$word")
        return ;;
    --severity)
        mapfile -t COMPREPLY < <(compgen -W "notice unknown warning critical" -- "$word")
        return ;;
    --sort)
        mapfile -t COMPREPLY < <(compgen -W "name severity end next engine" -- "$word")
        return ;;
    --timeout | --concurrency | --until | --for | --reason | --end)
        return ;;
    esac
    if [[ $word == -* ]]; then
        case $command in
        check | watch) options= ;;
        *) options=--json ;;
        esac
        case $command in
        status | watch) options+=" --sort --severity --engine" ;;
        findings) options+=" --severity --engine" ;;
        forecast) options+=" --until --ics" ;;
        authorities) options+=" --all" ;;
        silence) options+=" --for --reason --end" ;;
        trust) options+=" --password-file" ;;
        scan) options+=" --engine --file --ca-file --expect-ca --timeout --concurrency --show-chain --pem" ;;
        "") options+=" --version" ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options --socket --help" -- "$word")
        return
    fi
    case $command in
    "") mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
    status | watch | findings | show | history | probe | check)
        mapfile -t COMPREPLY < <(compgen -W "$(_dbcertctl_names "${socket[@]}")" -- "$word") ;;
    silence)
        mapfile -t COMPREPLY < <(compgen -W "$(_dbcertctl_names "${socket[@]}") $(_dbcertctl_findings)" -- "$word") ;;
    plan) mapfile -t COMPREPLY < <(compgen -W "$cas" -- "$word") ;;
    trust) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    scan)
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "${engines//[[:space:]]/ }" -S :// -- "$word") ;;
    esac
}

_dbcertd()
{
    local word=${COMP_WORDS[COMP_CWORD]}
    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --config ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W "--config --check-config --list-keys --list-findings --version --help" -- "$word")
    fi
}

complete -F _dbcertctl dbcertctl
complete -F _dbcertd dbcertd
