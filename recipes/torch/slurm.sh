#!/usr/bin/env bash
# Recipe: train one job folder on a Slurm cluster, on one node or several.
# Write the job where skipthink runs:  skipthink train RUN --method full --job-only jobs/full
# Copy it to a file system that all nodes see, then:  sbatch --nodes 2 slurm.sh /shared/jobs/full
# Needs on every node: the worker (pip install python/skipthink_torch) in the environment that is active when sbatch runs.
#
# Slurm's warning before the time limit (--signal) makes the worker save a checkpoint and end with code 130; --requeue starts the
# job again, and it goes on from there, also with another number of nodes. torchrun kills what has not ended after 30 seconds: if
# writing a checkpoint takes longer, add --shutdown-timeout 150 to its arguments (torch 2.13 has it; torchrun --help says).
#SBATCH --job-name=skipthink
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --time=12:00:00
#SBATCH --signal=TERM@180
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

job=${1:?usage: sbatch [--nodes N] slurm.sh JOB_FOLDER}
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

srun torchrun \
  --nnodes "$SLURM_NNODES" \
  --nproc-per-node "${SLURM_GPUS_ON_NODE:-8}" \
  --rdzv-backend c10d \
  --rdzv-id "$SLURM_JOB_ID" \
  --rdzv-endpoint "$first:29500" \
  -m skipthink_torch "$job"
