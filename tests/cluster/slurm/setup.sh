#!/usr/bin/env bash
# Starts a SLURM of two nodes on this machine, as root, from Debian's slurm-wlm and munge:
#   apt-get install -y --no-install-recommends slurm-wlm munge
#   tests/cluster/slurm/setup.sh start DIR     # then: export SLURM_CONF=DIR/slurm.conf
#   tests/cluster/slurm/setup.sh stop DIR
# Everything lies in DIR. Each node pretends to have four cores and one GPU (whose device file is /dev/null).
set -eu

action=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)

stop() {
    for name in slurmd-node1 slurmd-node2 slurmctld munged; do
        if [ -f "$dir/$name.pid" ]; then kill "$(cat "$dir/$name.pid")" 2>/dev/null || true; fi
    done
}

free_port() {
    "${PYTHON:-python3}" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() {
    mkdir -p "$dir/state" "$dir/spool-node1" "$dir/spool-node2" "$dir/munge"
    chmod 0711 "$dir"
    head -c 1024 /dev/urandom > "$dir/munge/munge.key"
    chmod 0700 "$dir/munge"
    chmod 0400 "$dir/munge/munge.key"
    mkdir -p "$dir/socket"
    munged --force --key-file="$dir/munge/munge.key" --socket="$dir/socket/munge" --pid-file="$dir/munged.pid" \
        --log-file="$dir/munge/munged.log" --seed-file="$dir/munge/munged.seed"

    cat > "$dir/gres.conf" <<EOF
NodeName=node[1-2] Name=gpu File=/dev/null
EOF
    cat > "$dir/slurm.conf" <<EOF
ClusterName=two-nodes-in-one
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/socket/munge
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmctldPidFile=$dir/slurmctld.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmdLogFile=$dir/slurmd-%n.log
SlurmdSpoolDir=$dir/spool-%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
SchedulerParameters=batch_sched_delay=1,sched_interval=2
ReturnToService=2
MpiDefault=none
KillWait=5
NodeName=node1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$(free_port) CPUs=4 RealMemory=4000 Gres=gpu:1 State=UNKNOWN
NodeName=node2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$(free_port) CPUs=4 RealMemory=4000 Gres=gpu:1 State=UNKNOWN
PartitionName=slides Nodes=node1,node2 Default=YES MaxTime=INFINITE State=UP
EOF
    export SLURM_CONF="$dir/slurm.conf"
    slurmctld
    slurmd -N node1
    slurmd -N node2
    for _ in $(seq 60); do
        if [ "$(sinfo --noheader --Node --states=idle --format=%N 2>/dev/null | wc -l)" -eq 2 ]; then
            echo "SLURM_CONF=$SLURM_CONF"
            return
        fi
        sleep 0.5
    done
    tail -n 5 "$dir"/*.log >&2
    stop
    echo "no SLURM came up in 30 seconds" >&2
    exit 1
}

case $action in
    start | stop) $action ;;
    *) echo "usage: $0 start|stop DIR" >&2; exit 2 ;;
esac
