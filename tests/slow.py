"""What `make test ARGS=fast` leaves out, by where it stands below `tests/`.

Folders and files that start brokers, builds or other frameworks, and single tests that wait for real time or start
many processes. What is left touches every package.
"""

from __future__ import annotations

# Left out whole, and not even imported.
PLACES = (
    "apiserver/test_kubectl.py",
    "builder/test_buildpacks.py",
    "builder/test_git.py",
    "builder/test_images.py",
    "builder/test_lifecycle.py",
    "builder/test_limits.py",
    "builder/test_python_buildpack.py",
    "builder/test_replaced_framework.py",
    "builder/test_upstream_groups.py",
    "builder/test_upstream_lifecycle.py",
    "conformance",
    "dataplane/test_main.py",
    "dataplane/test_update.py",
    "e2e",
    "eventing/dispatcher",
    "eventing/drivers",
    "eventing/sidecar",
    "eventing/sources",
    "framework/test_app_socket.py",
    "framework/test_context_template.py",
    "framework/test_dependencies.py",
    "framework/test_guard.py",
    "framework/test_neighbours.py",
    "framework/test_rehearsal.py",
    "node/test_collection.py",
    "node/test_dependencies.py",
    "node/test_faults.py",
    "node/test_line.py",
    "node/test_pods.py",
    "node/test_programs.py",
    "node/test_runtimes.py",
    "node/test_sockets.py",
    "node/test_warm.py",
    "providers/test_keda_kafka.py",
    "providers/test_keda_prometheus.py",
    "providers/test_keda_usage.py",
    "reconcilers/test_brokers.py",
    "wire",
)

TESTS = (
    "cli/test_commands.py::test_doctor_",
    "docs/test_snippets.py::test_what_a_page_shows_works_with_no_platform[docs/framework.md]",
    "framework/contract/test_agreement.py::test_a_dataclass_of_everything",
    "framework/contract/test_served.py::test_describe_prints_what_is_served",
    "framework/test_bad_input.py::test_a_mistake_ends_in_one_line_and_its_code[import ",
    "framework/test_garbage.py::test_a_request_leaves_no_cycle[streams",
    "framework/test_link.py::test_the_load_is_reported_until_one_zero",
    "framework/test_streaming.py::test_the_writer_waits_for_a_slow_reader",
    "framework/test_template.py::test_a_broken_spec_is_refused_and_the_line_stays",
    "framework/test_template.py::test_a_template_outlives_its_node_and_serves_the_next",
    "framework/test_template.py::test_a_template_whose_home_is_removed_ends",
    "framework/test_template.py::test_an_end_is_told_and_written_down",
    "framework/test_template.py::test_an_unknown_message_closes_only_that_connection",
    "framework/test_template.py::test_forks_draw_different_random_numbers",
    "framework/test_template.py::test_quit_ends_the_template_and_not_its_forks",
    "framework/test_template.py::test_two_hundred_forks_in_one_breath_all_serve",
    "framework/test_template.py::test_two_templates_cannot_share_a_socket_but_a_stale_one_is_replaced",
    "framework/test_template.py::test_what_an_import_leaves_behind_forbids_the_fork",
    "framework/testing/test_same.py::test_every_answer_is_the_same",
    "node/test_pods.py::test_a_crashing_function_restarts_at_once_and_then_backs_off_with_its_reason",
    "node/test_pods.py::test_a_failure_carries_exit_code_and_last_lines",
    "node/test_pods.py::test_a_program_that_ends_well_makes_its_pod_succeed_with_its_message",
    "node/test_pods.py::test_an_api_that_is_away_for_a_moment_is_no_failure_of_the_pod",
    "node/test_pods.py::test_an_image_of_another_interpreter_is_refused_by_name",
    "node/test_pods.py::test_on_failure_a_good_end_is_final",
    "node/test_pods.py::test_the_deadline_of_a_pod_ends_it_with_all_its_children",
    "node/test_service.py::test_a_deleted_pod_finishes_the_request_it_has",
    "node/test_service.py::test_a_deployment_that_goes_while_its_template_imports_leaves_nothing",
    "node/test_service.py::test_a_failing_liveness_probe_starts_the_container_again",
    "node/test_service.py::test_a_node_that_starts_warms_the_revisions_it_finds_and_pods_fork_from_them",
    "node/test_service.py::test_a_pod_that_leaves_is_not_ready_while_it_drains",
    "node/test_service.py::test_a_pod_whose_module_starts_threads_is_a_fresh_process_and_says_why",
    "node/test_service.py::test_a_template_",
    "node/test_service.py::test_an_http_probe_decides_over_the_instances_own_word",
    "providers/test_build_runs.py::test_a_cancelled_run_loses_its_pod",
    "providers/test_build_runs.py::test_a_finished_run_stays_as_it_is_when_its_pod_is_deleted",
    "providers/test_build_runs.py::test_a_run_that_takes_too_long_loses_its_pod",
    "providers/test_build_runs.py::test_a_run_whose_pod_vanishes_failed",
    "providers/test_chain.py::test_deleting_a_service_leaves_nothing",
    "providers/test_keda.py::test_a_backlog_starts_jobs_and_never_the_same_twice",
    "providers/test_keda.py::test_a_consumer_that_does_not_exist_is_no_empty_one",
    "providers/test_keda.py::test_a_formula_",
    "providers/test_keda.py::test_a_new_version_ends_running_jobs_",
    "providers/test_keda.py::test_a_trigger_that_is_lost_is_nil_in_the_formula",
    "providers/test_keda.py::test_between_polls_",
    "providers/test_keda.py::test_credentials_come_from_a_trigger_authentication",
    "providers/test_keda.py::test_without_work_it_goes_to_zero_and_a_backlog_brings_many",
    "providers/test_revisions.py::test_a_field_taken_out_of_the_template_is_gone_from_the_next_revision",
    "providers/test_revisions.py::test_a_mended_revision_follows_a_broken_one",
    "providers/test_revisions.py::test_a_template_may_name_its_revision_once",
    "providers/test_revisions.py::test_another_control_process_goes_on_where_one_stopped",
    "providers/test_revisions.py::test_minimum_scale_is_where_a_revision_starts",
    "providers/test_revisions.py::test_only_the_newest_revisions_are_kept",
    "providers/test_revisions.py::test_traffic_is_split_by_weight_and_tag",
    "providers/test_revisions.py::test_what_somebody_deletes_is_made_again",
    "providers/test_workloads.py::test_a_deployment_that_stands_still_says_so",
    "providers/test_workloads.py::test_a_pod_being_deleted_leaves_the_ready_endpoints_at_once",
    "providers/test_workloads.py::test_a_rollback_takes_the_old_set_up_again",
    "providers/test_workloads.py::test_an_update_that_never_gets_ready_leaves_the_old_pods_serving",
    "providers/test_workloads.py::test_foreground_deletion_waits_for_what_is_owned",
    "providers/test_workloads.py::test_minimum_ready_seconds_delay_availability_and_not_readiness",
)
# The same test behind caches that lag by one event.
LAGGING = ("providers/", "[lagging")


def is_place(place: str) -> bool:
    """Whether a file or folder, relative to `tests/`, is left out whole."""
    return any(place == one or place.startswith(f"{one}/") for one in PLACES)


def is_slow(place: str, test: str) -> bool:
    """Whether a test of a file is left out; its name has its parameters."""
    folder, mark = LAGGING
    lags = place.startswith(folder) and mark in test
    return is_place(place) or lags or f"{place}::{test}".startswith(TESTS)
