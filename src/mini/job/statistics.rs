//! What is told about a job's checkpoints.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::checkpoint::Purpose;
use crate::details::{
    CheckpointCounts, CheckpointStatistics, CheckpointStatsStatus, CheckpointingStatistics,
    LatestCheckpoints, RestoredCheckpoint, StatsSummary, SummaryStatistics, TaskCheckpointStatistics,
};
use crate::ids::JobVertexId;
use crate::mini::exception::JavaException;
use crate::mini::savepoint_store::Snapshot;

/// `web.checkpoints.history`.
const HISTORY: usize = 10;
/// Of how many the summary is made.
const SUMMARISED: usize = 1000;

#[derive(Default)]
pub(crate) struct Statistics {
    counts: CheckpointCounts,
    /// The newest first; those in progress are never dropped.
    history: VecDeque<CheckpointStatistics>,
    latest: LatestCheckpoints,
    /// Of those that completed: bytes, and milliseconds from trigger to end.
    completed: VecDeque<(i64, i64)>,
}

impl Statistics {
    pub(super) fn begin(
        &mut self,
        checkpoint: u64,
        purpose: Purpose,
        tasks: &[(JobVertexId, u32)],
        now: i64,
    ) {
        let per_vertex = |tasks: u32| TaskCheckpointStatistics {
            status: CheckpointStatsStatus::InProgress,
            latest_ack_timestamp: None,
            checkpointed_size: 0,
            state_size: 0,
            end_to_end_duration: Duration::ZERO,
            num_subtasks: tasks,
            num_acknowledged_subtasks: 0,
        };
        let kind = match purpose {
            Purpose::Periodic | Purpose::Asked(_) => "CHECKPOINT",
            Purpose::Savepoint { .. } => "SAVEPOINT",
            Purpose::Stop { .. } => "SYNC_SAVEPOINT",
        };
        self.counts.total += 1;
        self.counts.in_progress += 1;
        self.history.push_front(CheckpointStatistics {
            id: checkpoint,
            status: CheckpointStatsStatus::InProgress,
            is_savepoint: purpose.format().is_some(),
            savepoint_format: purpose.format(),
            checkpoint_type: Some(kind.into()),
            trigger_timestamp: now,
            latest_ack_timestamp: None,
            checkpointed_size: 0,
            state_size: 0,
            end_to_end_duration: Duration::ZERO,
            processed_data: 0,
            persisted_data: 0,
            num_subtasks: tasks.iter().map(|(_, tasks)| tasks).sum(),
            num_acknowledged_subtasks: 0,
            tasks: tasks.iter().map(|(vertex, tasks)| (*vertex, per_vertex(*tasks))).collect(),
            external_path: None,
            discarded: false,
            failure_timestamp: None,
            failure_message: None,
        });
        let in_progress = |entry: &CheckpointStatistics| entry.status == CheckpointStatsStatus::InProgress;
        let mut kept = 0;
        self.history.retain(|entry| {
            kept += usize::from(!in_progress(entry));
            in_progress(entry) || kept <= HISTORY
        });
    }

    fn entry(&mut self, checkpoint: u64) -> Option<&mut CheckpointStatistics> {
        self.history.iter_mut().find(|entry| entry.id == checkpoint)
    }

    pub(super) fn acknowledged(&mut self, checkpoint: u64, vertex: JobVertexId, bytes: i64, now: i64) {
        let Some(entry) = self.entry(checkpoint) else { return };
        let lasted = millis(now - entry.trigger_timestamp);
        entry.num_acknowledged_subtasks += 1;
        entry.latest_ack_timestamp = Some(now);
        entry.checkpointed_size += bytes;
        entry.state_size += bytes;
        entry.end_to_end_duration = lasted;
        if let Some(task) = entry.tasks.get_mut(&vertex) {
            task.num_acknowledged_subtasks += 1;
            task.latest_ack_timestamp = Some(now);
            task.checkpointed_size += bytes;
            task.state_size += bytes;
            task.end_to_end_duration = lasted;
            if task.num_acknowledged_subtasks == task.num_subtasks {
                task.status = CheckpointStatsStatus::Completed;
            }
        }
    }

    pub(super) fn completed(&mut self, checkpoint: u64, path: Option<&str>, now: i64) {
        self.counts.in_progress = self.counts.in_progress.saturating_sub(1);
        self.counts.completed += 1;
        let Some(entry) = self.entry(checkpoint) else { return };
        entry.status = CheckpointStatsStatus::Completed;
        entry.external_path = path.map(str::to_owned);
        entry.end_to_end_duration = millis(now - entry.trigger_timestamp);
        let entry = entry.clone();
        self.completed.push_back((entry.state_size, now - entry.trigger_timestamp));
        if self.completed.len() > SUMMARISED {
            self.completed.pop_front();
        }
        if entry.is_savepoint {
            self.latest.savepoint = Some(entry);
        } else {
            self.latest.completed = Some(entry);
        }
    }

    pub(super) fn failed(&mut self, checkpoint: u64, cause: &JavaException, now: i64) {
        self.counts.in_progress = self.counts.in_progress.saturating_sub(1);
        self.counts.failed += 1;
        let Some(entry) = self.entry(checkpoint) else { return };
        entry.status = CheckpointStatsStatus::Failed;
        entry.failure_timestamp = Some(now);
        entry.failure_message = cause.message().map(str::to_owned);
        entry.end_to_end_duration = millis(now - entry.trigger_timestamp);
        for task in entry.tasks.values_mut() {
            if task.status == CheckpointStatsStatus::InProgress {
                task.status = CheckpointStatsStatus::Failed;
            }
        }
        self.latest.failed = Some(entry.clone());
    }

    pub(super) fn discarded(&mut self, checkpoint: u64) {
        if let Some(entry) = self.entry(checkpoint) {
            entry.discarded = true;
        }
    }

    pub(super) fn restored(&mut self, snapshot: &Snapshot, path: Option<&str>, now: i64) {
        self.counts.restored += 1;
        self.latest.restored = Some(RestoredCheckpoint {
            id: snapshot.checkpoint,
            restore_timestamp: now,
            is_savepoint: snapshot.savepoint.is_some(),
            external_path: path.map(str::to_owned),
        });
    }

    /// With its vertices.
    pub(crate) fn details(&self, checkpoint: u64) -> Option<CheckpointStatistics> {
        self.history.iter().find(|entry| entry.id == checkpoint).cloned()
    }

    pub(crate) fn overview(&self) -> CheckpointingStatistics {
        let plain = |mut entry: CheckpointStatistics| {
            entry.tasks = BTreeMap::new();
            entry
        };
        let sizes = summary(self.completed.iter().map(|(bytes, _)| *bytes).collect());
        let nothing = summary(vec![0; self.completed.len()]);
        CheckpointingStatistics {
            counts: self.counts,
            summary: SummaryStatistics {
                checkpointed_size: sizes,
                state_size: sizes,
                end_to_end_duration: summary(self.completed.iter().map(|(_, lasted)| *lasted).collect()),
                processed_data: nothing,
                persisted_data: nothing,
            },
            latest: LatestCheckpoints {
                completed: self.latest.completed.clone().map(plain),
                savepoint: self.latest.savepoint.clone().map(plain),
                failed: self.latest.failed.clone().map(plain),
                restored: self.latest.restored.clone(),
            },
            history: self.history.iter().cloned().map(plain).collect(),
        }
    }
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(millis.try_into().unwrap_or(0))
}

fn summary(mut values: Vec<i64>) -> StatsSummary {
    values.sort_unstable();
    let (Some(&min), Some(&max)) = (values.first(), values.last()) else { return StatsSummary::default() };
    let count = values.len();
    let percentile = |hundredths: usize| {
        let rank = (count * hundredths).div_ceil(10_000).max(1);
        values.get(rank - 1).map(|value| *value as f64)
    };
    let sum: i128 = values.iter().copied().map(i128::from).sum();
    StatsSummary {
        min,
        max,
        avg: i64::try_from(sum / count as i128).unwrap_or(i64::MAX),
        p50: percentile(5000),
        p90: percentile(9000),
        p95: percentile(9500),
        p99: percentile(9900),
        p999: percentile(9990),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_of_all_that_completed() {
        let hundred = summary((1..=100).collect());
        assert_eq!((hundred.min, hundred.max, hundred.avg), (1, 100, 50));
        assert_eq!((hundred.p50, hundred.p99, hundred.p999), (Some(50.0), Some(99.0), Some(100.0)));
        assert_eq!(summary(Vec::new()).p50, None);
    }

    #[test]
    fn the_history_keeps_the_newest_and_all_that_go_on() {
        let mut statistics = Statistics::default();
        for checkpoint in 1..=30 {
            statistics.begin(checkpoint, Purpose::Periodic, &[], 0);
            if checkpoint > 1 {
                statistics.completed(checkpoint, None, 1);
            }
        }
        let overview = statistics.overview();
        assert_eq!(
            (overview.counts.total, overview.counts.in_progress, overview.counts.completed),
            (30, 1, 29)
        );
        let ids: Vec<_> = overview.history.iter().map(|entry| entry.id).collect();
        assert_eq!(ids, [30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 1]);
    }
}
