# Runs the processes of one cluster, and ends them when its owner ends: JAVA GRACE REMOVE NAME ...
#
# Standard input is a pipe whose other end only the owner holds, so however that process ends, SIGKILL included, the
# kernel closes the pipe. Everything here is one process group, and signals go to the group ("kill 0"), never to an id
# that may have been used again: as long as one member is left, the group's id is taken.
#
# In the folder it runs in: run/NAME.args says how to start a process, run/NAME.pid and run/NAME.exit what became of it.
java=$1 grace=$2 remove=$3
shift 3
exec 3<&0 </dev/null
umask 077
folder=$(pwd)

# Asks all to end, and ends what is left after GRACE seconds.
end() {
    trap '' TERM
    kill -TERM 0
    (sleep "$grace"; kill -KILL 0) 3<&- &
    for guard in $guards; do
        wait "$guard"
    done
    if [ "$remove" = yes ] && [ ! -e run/keep ]; then
        rm -rf "$folder"
    fi
    kill -KILL 0
}

# One process: a shell that outlives it, to tell its exit status.
guard() {
    trap : TERM
    "$java" "@run/$1.args" >>"log/$1.log" 2>&1 &
    echo $! >"run/$1.pid.new" && mv "run/$1.pid.new" "run/$1.pid"
    wait $!
    status=$?
    # Perhaps it was not the process that ended, but this wait, by a signal; and there may be several.
    while [ "$status" -gt 128 ] && kill -0 $! 2>/dev/null; do
        wait $!
        status=$?
    done
    echo "$status" >"run/$1.exit"
}

# Waits for the owner to end, or to say that the cluster is to stay. The supervisor is asked to end with all others, and
# escalates; if it is gone, this does.
watch() {
    trap '' TERM
    read -r word <&3 || word=
    if [ "$word" = detach ]; then
        exit 0
    fi
    kill -TERM 0
    sleep $((grace + 2))
    kill -KILL 0
}

# A function, so that nothing is left to be read of this file when it is removed.
main() {
    guards=
    trap '' HUP
    trap end TERM
    for name; do
        guard "$name" 3<&- &
        guards="$guards $!"
    done
    watch &
    exec 3<&-
    # The first is the JobManager: without it there is no cluster.
    set -- $guards
    wait "$1"
    end
}

main "$@"
