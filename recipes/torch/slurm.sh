#!/usr/bin/env bash
# Recipe: train one job folder on a Slurm cluster, on one node or several.
# Write the job where skipthink runs:  skipthink train RUN --method full --job-only jobs/full
# Copy it to a file system that all nodes see, then:  sbatch --nodes 2 slurm.sh /shared/jobs/full
# Needs on every node: the worker (pip install python/skipthink_torch) in the environment that is active when sbatch runs.
#
# Slurm warns this script 180 seconds before the time limit (--signal=B:TERM). It passes the warning on, the worker saves a
# checkpoint and ends, and the job is put back into the queue, where it goes on from there, also with another number of nodes.
# (--requeue alone does that only for nodes that fail; it also lets this script ask.) torchrun kills what has not ended after 30
# seconds: if writing a checkpoint takes longer, add --shutdown-timeout 150 to its arguments (torch 2.13 has it; torchrun --help
# says).
#SBATCH --job-name=skipthink
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@180
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

job=${1:?usage: sbatch [--nodes N] slurm.sh JOB_FOLDER}
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

warned=no
warn() {
  # One warning is enough, and a second must not cut the wait short.
  trap '' TERM
  warned=yes
  kill -TERM "$!" || true
}
trap warn TERM

# In the background, because bash runs a trap only between commands, or while it waits.
srun torchrun \
  --nnodes "$SLURM_NNODES" \
  --nproc-per-node "${SLURM_GPUS_ON_NODE:-8}" \
  --rdzv-backend c10d \
  --rdzv-id "$SLURM_JOB_ID" \
  --rdzv-endpoint "$first:29500" \
  -m skipthink_torch "$job" &
training=$!

status=0
wait "$training" || status=$?
if [ "$warned" = yes ] && [ "$status" -eq 143 ]; then
  # That wait ended with the warning (128 + TERM); this one is for the checkpoint.
  status=0
  wait "$training" || status=$?
fi
if [ "$warned" = yes ] && [ "$status" -ne 0 ]; then
  echo "stopped by the time limit: back into the queue" >&2
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
