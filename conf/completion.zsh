#compdef dbcertctl dbcertd
# Completion of dbcertctl and dbcertd for zsh.

_dbcertctl_names() { # what the daemon watches, if it answers
    local -a names
    names=(${(f)"$(dbcertctl $at --json status 2>/dev/null | sed -n 's/^      "name": "\([^"]*\)",\{0,1\}$/\1/p')"})
    _wanted endpoints expl endpoint compadd -a names
}

_dbcertctl_findings() {
    local -a findings
    findings=(${(f)"$(dbcertd --list-findings 2>/dev/null | cut -f1)"})
    _wanted findings expl finding compadd -a findings
}

_dbcertctl_subjects() {
    _dbcertctl_names
    _dbcertctl_findings
}

_dbcertctl_words() {
    local curcontext=$curcontext state line ret=1
    local -a commands engines cas at
    typeset -A opt_args
    commands=(
        'status:a line per endpoint'
        'watch:the same, again and again'
        'show:everything about one endpoint'
        'findings:what is wrong, with what to type'
        'history:the certificates that one has served'
        'silence:what nobody is told of; make and end silences'
        'probe:probe one now, and show it'
        'check:one line and a status for Nagios and its kind'
        'forecast:what is to come'
        "authorities:Amazon's CAs, and who uses them"
        'plan:the steps to move to a CA'
        "trust:whether clients' trust stores accept what is served"
        'rds:what the RDS API was asked'
        'scan:probe without the daemon'
    )
    engines=(postgres aurora-postgresql mysql aurora-mysql mariadb sqlserver custom-sqlserver oracle custom-oracle db2 docdb neptune
        redshift tls)
    cas=(rds-ca-rsa2048-g1 rds-ca-rsa4096-g1 rds-ca-ecc384-g1)
    _arguments -C \
        '--socket[the status socket]:socket:_files' \
        '--json[print JSON]' \
        '(- *)--help[print help]' \
        '(- *)--version[print the version]' \
        '1:command:->command' \
        '*::argument:->argument' && ret=0
    [[ -n $opt_args[--socket] ]] && at=(--socket ${(Q)opt_args[--socket]})
    case $state in
    command) _describe -t commands command commands && ret=0 ;;
    argument)
        curcontext=${curcontext%:*:*}:dbcertctl-$line[1]:
        case $line[1] in
        status | watch | findings)
            _arguments '--json[print JSON]' '--help[print help]' '--severity[that and worse]:severity:(notice unknown warning critical)' \
                '--sort[in which order]:order:(name severity end next engine)' "--engine[only that one]:engine:($engines)" \
                '*:endpoint:_dbcertctl_names' && ret=0 ;;
        show | history | probe | check) _arguments '--json[print JSON]' '--help[print help]' '1:endpoint:_dbcertctl_names' && ret=0 ;;
        silence)
            _arguments '--for[how long, such as 14d]:time:' '--reason[why]:reason:' '--end[end that one]:silence:' \
                '--help[print help]' '1:endpoint or finding:_dbcertctl_subjects' '2:finding:_dbcertctl_findings' && ret=0 ;;
        plan) _arguments '--json[print JSON]' '--help[print help]' "1:CA:($cas)" && ret=0 ;;
        trust) _arguments '--json[print JSON]' '--help[print help]' '--password-file[opens the store]:file:_files' '1:trust store:_files' && ret=0 ;;
        forecast) _arguments '--json[print JSON]' '--help[print help]' '--until[to the end of a day]:day:' '--ics[an iCalendar]' && ret=0 ;;
        authorities) _arguments '--json[print JSON]' '--help[print help]' '--all[also in regions without endpoints]' && ret=0 ;;
        scan)
            _arguments '--json[one object a line]' '--help[print help]' "--engine[of targets that are HOST\[\:PORT\]]:engine:($engines)" \
                '--file[targets, one a line]:file:_files' '--ca-file[a bundle]:file:_files' \
                "--expect-ca[what targets should serve]:CA:($cas)" '--timeout[for each probe]:time:' \
                '--concurrency[probes at once]:number:' '--show-chain[everything that was served]' \
                '--pem[certificates alone]' '*:target:_dbcertctl_targets' && ret=0 ;;
        *) _arguments '--json[print JSON]' '--help[print help]' && ret=0 ;;
        esac ;;
    esac
    return ret
}

_dbcertctl_targets() {
    compadd -S :// -a engines
}

_dbcertd_words() {
    _arguments '--config[another configuration]:file:_files' '--check-config[say what is wrong]' '--list-keys[keys and defaults]' \
        '--list-findings[what may be found]' '(- *)--version[print the version]' '(- *)--help[print help]'
}

_dbcertctl() { # both programs come here
    case $service in
    dbcertd) _dbcertd_words ;;
    *) _dbcertctl_words ;;
    esac
}

_dbcertctl "$@"
