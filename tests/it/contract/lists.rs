//! Which behaviours there are, for targets to make tests of.

/// Makes a test of each behaviour of a list: `contract_tests!(every, target)` calls `target()`, which gives something
/// that dereferences to a [`Target`](super::Target).
macro_rules! contract_tests {
    (every, $target:path) => {
        $crate::contract::contract_tests! { $target =>
            accumulators: [
                accumulators_of_every_type_have_their_values
                accumulators_of_a_running_job_grow
                failed_and_cancelled_jobs_keep_their_accumulators
                an_accumulator_whose_merging_throws_is_one_entrys_error
                an_initialising_job_has_no_accumulators
            ]
            cancelling: [
                a_running_job_is_cancelled
                a_job_whose_tasks_linger_is_cancelling_and_may_be_cancelled_again
                a_cancelled_job_may_be_cancelled_again
                a_finished_job_cannot_be_cancelled
                a_failed_job_cannot_be_cancelled
                a_job_whose_savepoint_is_being_taken_is_cancelled
                a_savepoint_that_is_followed_fails_with_its_job
                cancelling_one_job_leaves_the_others
            ]
            checkpoints: [
                a_checkpoint_has_the_next_number
                an_incremental_checkpoint_cannot_be_asked_for
                a_job_that_is_not_ready_takes_no_checkpoint
                a_job_that_has_ended_takes_no_checkpoint
                a_snapshot_that_throws_fails_the_checkpoint
                a_checkpoint_that_nobody_started_is_lost
                the_statistics_know_every_checkpoint
                statistics_of_an_initialising_job_are_not_ready
            ]
            cluster: [
                closing_ends_every_open_operation_and_no_job
                a_dropped_client_lets_its_operations_end
                a_limit_of_the_callers_ends_the_wait_and_not_the_job
            ]
            coordination: [
                a_coordinator_answers_each_request_once
                a_coordinator_that_throws_is_a_server_error
                an_operator_without_a_coordinator_is_not_found
                a_job_that_initialises_has_no_coordinators_yet
                heartbeats_are_taken_whatever_the_job_does
                a_job_that_is_kept_alive_runs_on_after_the_last_heartbeat
            ]
            data_sets: [
                a_finished_job_leaves_its_data_set_until_that_is_invalidated
                a_data_set_that_never_was_is_invalidated
            ]
            listing: [
                a_running_job_is_listed_with_its_name_state_start_and_tasks
                a_finished_job_stays_listed_with_its_end
                an_initialising_job_is_listed_without_tasks
                a_failed_and_a_cancelled_job_stay_listed
                a_list_overlaps_with_a_wait
                details_have_vertices_times_and_plan
                details_of_an_initialising_job_are_empty
                a_job_that_starts_slowly_is_initialising_first_and_running_then
            ]
            one_job: [
                a_running_job_is_attached_to_by_its_id_and_followed_to_its_end
                a_job_that_failed_or_was_cancelled_has_no_result_for_its_client
                the_client_of_a_job_waits_until_it_is_initialised
                the_client_of_an_unknown_job_and_one_of_a_closed_provider_say_so
            ]
            repeated_triggers: [
                a_savepoint_triggered_again_in_progress_and_afterwards_is_one_savepoint
                a_trigger_id_whose_operation_failed_is_used_up
                the_same_id_for_another_job_is_another_operation
                a_stop_triggered_again_is_one_stop
                a_stop_under_the_id_of_a_savepoint_stops_nothing
                a_second_stop_of_another_id_fails_the_first
                a_checkpoint_triggered_again_is_one_checkpoint
                a_savepoint_triggered_twice_is_once_in_the_history
            ]
            restoring: [
                a_restored_job_goes_on_where_the_savepoint_was
                a_savepoint_of_other_parallelism_is_restored
                a_claimed_savepoint_is_removed_when_it_is_no_longer_needed
                a_savepoint_that_is_not_claimed_stays
                state_that_belongs_to_nobody_is_refused_unless_allowed
                a_savepoint_that_is_not_there_refuses_the_job
                a_folder_that_is_no_savepoint_refuses_the_job
                a_savepoint_may_be_named_by_its_file_or_as_a_uri
                a_restored_job_counts_its_checkpoints_on
                more_tasks_than_the_savepoint_allows_are_refused
                two_jobs_may_start_from_one_savepoint
                the_statistics_know_what_a_job_was_restored_from
            ]
            results: [
                a_finished_job_succeeded_with_its_accumulators
                a_finished_job_has_an_execution_result
                a_failed_job_is_a_result_with_its_cause
                a_failed_job_has_no_execution_result
                what_went_wrong_in_a_job_is_told_latest_first
                a_job_that_restarts_says_why
                a_wait_that_is_given_up_tells_the_jobs_last_state
                restarts_that_are_used_up_fail_the_job_with_its_last_cause
                a_cancelled_job_is_a_result_and_no_execution_result
                a_job_cancelled_while_it_restarts_is_cancelled
                a_job_cancelled_while_it_initialises_is_cancelled
                a_job_cancelled_while_it_waits_for_slots_is_cancelled
                a_stopped_job_succeeded
                a_job_that_gets_no_slots_fails_for_want_of_resources
                a_job_whose_initialisation_failed_is_a_failed_result
                a_result_is_waited_for
                many_waits_end_with_their_own_jobs
            ]
            retention: [
                an_outcome_is_forgotten_after_its_time_and_its_trigger_id_is_free_again
                the_oldest_ended_jobs_are_forgotten_when_there_are_too_many
                ended_jobs_are_forgotten_after_their_time_and_running_ones_are_not
                a_job_starts_from_the_checkpoint_that_a_cancelled_one_left
                checkpoints_go_with_a_cancelled_job_unless_they_are_to_stay
                the_checkpoint_of_a_failed_job_stays_if_it_may
                a_stopped_job_leaves_its_savepoint_and_no_checkpoint
                a_job_that_restarts_needs_its_newest_checkpoint_alone
            ]
            running: [
                a_job_whose_tasks_all_run_takes_a_savepoint_at_once
                a_running_job_is_not_waited_for
                a_job_that_has_ended_will_not_run
                a_wait_for_a_job_that_restarts_goes_on_until_it_ends
                a_job_without_slots_does_not_run_although_its_status_says_so
            ]
            savepoints: [
                a_savepoint_is_in_its_directory_and_the_job_runs_on
                a_savepoint_in_the_native_format_is_complete
                a_directory_that_is_not_there_is_made
                a_savepoint_without_any_directory_is_refused
                the_clusters_own_directory_is_used_when_none_is_given
                a_directory_that_cannot_be_made_fails_the_savepoint_alone
                an_unknown_file_system_fails_the_savepoint_alone
                a_snapshot_that_throws_fails_the_savepoint_and_the_job
                a_job_that_restarts_is_not_ready_for_a_savepoint
                a_job_that_initialises_is_not_ready_for_a_savepoint
                a_job_that_has_ended_takes_no_savepoint
                a_detached_savepoint_is_followed_by_its_id
                a_detached_savepoint_that_fails_says_so_in_its_status
                an_operation_that_nobody_started_is_lost
                a_savepoint_is_not_found_under_another_job
                cancelling_with_a_savepoint_gives_its_path_and_cancels
                cancelling_with_a_savepoint_that_fails_leaves_the_job
                a_savepoint_is_disposed_of_once
                what_is_no_savepoint_is_not_disposed_of
                savepoints_of_several_jobs_are_taken_at_the_same_time
                the_history_tells_a_savepoints_format_and_path
            ]
            shutting_down: [
                a_cluster_that_is_shut_down_ends_with_its_jobs
            ]
            stopping: [
                a_stop_gives_the_savepoint_and_the_job_finishes
                a_job_that_was_stopped_and_waited_for_has_ended
                a_job_that_is_being_stopped_says_that_it_runs
                a_stop_without_any_directory_is_refused
                a_stop_whose_directory_cannot_be_made_leaves_the_job_running
                a_snapshot_that_throws_fails_the_stop_and_the_job
                a_job_that_restarts_or_initialises_is_not_ready_to_be_stopped
                a_job_that_has_ended_is_not_stopped
                a_job_that_fails_after_its_last_savepoint_tells_where_that_is
            ]
            submitting: [
                arguments_reach_the_program_as_they_are
                the_main_class_of_the_manifest_needs_no_name
                a_job_has_the_id_that_was_chosen_for_it
                parallelism_and_configuration_reach_the_job
                a_program_that_throws_is_a_failed_program
                a_program_that_executes_nothing_is_a_failed_program
                an_entry_class_that_is_missing_or_no_program_is_a_failed_program
                a_program_of_two_jobs_runs_the_first
                a_program_of_several_jobs_runs_them_all_if_none_has_an_id_beforehand
                an_initialisation_that_fails_refuses_the_job
                the_id_of_a_running_job_is_taken
                the_id_of_a_finished_job_is_taken
                what_cannot_be_is_refused_before_anything_is_sent
            ]
            unknown_jobs: [
                status_of_an_unknown_job_is_not_found
                details_of_an_unknown_job_are_not_found
                result_of_an_unknown_job_is_not_found
                cancelling_an_unknown_job_is_not_found
                accumulators_of_an_unknown_job_are_not_found
                a_savepoint_of_an_unknown_job_is_not_found
                a_detached_savepoint_of_an_unknown_job_fails_in_its_status
                stopping_an_unknown_job_is_not_found
                a_checkpoint_of_an_unknown_job_is_not_found
                waiting_until_an_unknown_job_runs_is_not_found
                a_coordinator_of_an_unknown_job_is_not_found
                a_heartbeat_for_an_unknown_job_is_taken
                the_history_of_an_unknown_job_is_not_found
            ]
        }
    };
    (rest, $target:path) => {
        $crate::contract::contract_tests! { $target =>
            applications: [
                a_server_without_applications_says_so
                an_application_runs_every_job_of_its_program
                a_cancelled_application_cancels_its_job
                an_unknown_application_is_not_found
            ]
            checkpoints: [
                a_checkpoint_is_told_in_detail
                the_checkpoint_configuration_is_the_jobs
            ]
            cluster: [
                the_overview_counts_slots_and_jobs
                the_version_is_the_servers
                the_clusters_configuration_is_told
                task_managers_are_listed_and_told_in_detail
                states_of_all_jobs_are_the_shortest_list
                vertices_are_told_with_their_subtasks
                the_plan_and_configuration_of_a_job_are_told
                anything_can_be_read_as_json
                the_web_interface_is_where_the_client_connects
                errors_tell_the_request_and_the_answer
            ]
            jars: [
                an_uploaded_jar_is_listed_run_and_deleted
                the_main_class_is_listed_with_its_jar
                what_is_no_jar_is_refused_by_its_name
                odd_names_reach_the_cluster_and_come_back
                a_jar_id_cannot_leave_its_place_in_the_path
                a_jars_plan_is_its_graph_and_runs_nothing
                a_submitted_jar_is_removed_again
                the_jar_of_a_failed_submission_is_removed
                the_jar_of_a_submission_that_nobody_waits_for_is_removed
                the_jar_of_a_submission_whose_client_closes_is_removed
            ]
            coordination: [
                heartbeats_go_on_although_one_was_lost
            ]
            metrics: [
                metrics_of_the_job_manager_have_names_and_values
                a_metric_that_is_not_there_is_left_out
                metrics_of_odd_names_have_their_values
                metrics_of_jobs_and_task_managers_have_values
            ]
            rescaling: [
                a_job_of_the_default_scheduler_has_no_resource_requirements
                an_initialising_job_has_no_resource_requirements_yet
                a_job_of_the_adaptive_scheduler_is_rescaled
            ]
            shutting_down: [
                results_that_nobody_read_do_not_keep_a_cluster
            ]
            submitting: [
                an_upload_tells_its_progress
            ]
            unknown_jobs: [
                everything_about_an_unknown_job_is_not_found
            ]
        }
    };
    (java, $target:path) => {
        $crate::contract::contract_tests! { $target =>
            graphs: [
                a_job_graph_runs_as_the_job_that_it_names
                a_stream_graph_runs_where_flink_takes_it
                artifacts_reach_the_tasks
                jars_of_one_name_are_all_there
                a_graph_without_its_jar_is_a_job_that_fails
                a_graph_whose_job_is_there_already_is_a_duplicate
                what_is_no_graph_is_refused
                a_graph_whose_answer_was_lost_is_found_by_the_id_inside_it
            ]
        }
    };
    ($target:path => $($module:ident: [$($behaviour:ident)*])*) => {
        $(
            mod $module {
                $(
                    #[test]
                    fn $behaviour() {
                        $crate::contract::$module::$behaviour(&*$target());
                    }
                )*
            }
        )*
    };
}

pub(crate) use contract_tests;
