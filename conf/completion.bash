# Completion of dbcertctl and dbcertd for bash.

_dbcertctl()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= i
    local engines="postgres aurora-postgresql mysql aurora-mysql mariadb sqlserver custom-sqlserver oracle custom-oracle db2 docdb
        neptune redshift tls"
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        status | watch | show | findings | history | silence | probe | check | forecast | authorities | plan | trust | rds | scan) command=${COMP_WORDS[i]} ;;
        esac
    done
    case $before in
    --socket | --file | --ca-file | --password-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return ;;
    --expect-ca)
        mapfile -t COMPREPLY < <(compgen -W "rds-ca-rsa2048-g1 rds-ca-rsa4096-g1 rds-ca-ecc384-g1" -- "$word")
        return ;;
    --engine)
        mapfile -t COMPREPLY < <(compgen -W "$engines" -- "$word")
        return ;;
    --timeout | --concurrency | --until | --for | --reason | --end)
        return ;;
    esac
    case $word in
    -*)
        mapfile -t COMPREPLY < <(compgen -W "--socket --json --until --ics --for --reason --end --all --password-file --file --ca-file --expect-ca --timeout --concurrency --engine --show-chain --pem --version --help" -- "$word")
        return ;;
    esac
    case $command in
    "")
        mapfile -t COMPREPLY < <(compgen -W "status watch show findings history silence probe check forecast authorities plan trust rds scan" -- "$word") ;;
    show | history | silence | probe | check)
        mapfile -t COMPREPLY < <(compgen -W "$(dbcertctl status 2>/dev/null | sed -n '1!{/^$/q;s/ .*//p}')" -- "$word") ;;
    plan)
        mapfile -t COMPREPLY < <(compgen -W "rds-ca-rsa2048-g1 rds-ca-rsa4096-g1 rds-ca-ecc384-g1" -- "$word") ;;
    trust)
        mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    scan)
        compopt -o nospace
        mapfile -t COMPREPLY < <(compgen -W "${engines//[[:space:]]/ }" -S :// -- "$word") ;;
    esac
}

_dbcertd()
{
    local word=${COMP_WORDS[COMP_CWORD]}
    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --config ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W "--config --check-config --list-keys --version --help" -- "$word")
    fi
}

complete -F _dbcertctl dbcertctl
complete -F _dbcertd dbcertd
