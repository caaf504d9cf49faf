#!/usr/bin/env bash
# Recipe: the same job folder on two machines without a scheduler.
# Both see the folder under the same path (NFS, or a copy on each: checkpoints and metrics are written by node 0).
# Run on the first machine:   ./two-nodes.sh 0 node-a /shared/jobs/full
# and on the second:          ./two-nodes.sh 1 node-a /shared/jobs/full
# To resume, both must see node 0's checkpoints.
set -euo pipefail

node=${1:?node number: 0 or 1}
first=${2:?name or address of node 0}
job=${3:?job folder}

torchrun --nnodes 2 --node-rank "$node" --nproc-per-node "${GPUS:-8}" \
  --master-addr "$first" --master-port "${PORT:-29500}" \
  -m skipthink_torch "$job"
