//! Use and exception cases, one file each: what holds before, what is done, what holds after.
//!
//! Each asks three witnesses: the screen, the record, and the pump's own history.

mod accounts_differ;
mod alarm_inhibits;
mod alarms_are_told;
mod allotment_used;
mod another_pump_answers;
mod another_pump_is_paired;
mod another_remote_asks;
mod answer_out_of_place;
mod caregiver_cannot_ask;
mod caregiver_looks;
mod changes_are_told;
mod clock_changes;
mod dose_delivered;
mod dose_echo_differs;
mod dose_forgotten;
mod dose_limit;
mod every_reason;
mod heard_twice;
mod limits_absent;
mod link_lost;
mod machine_never_spins;
mod patient_code;
mod prescription_changes;
mod press_expires;
mod pressed_again;
mod pump_breaks;
mod pump_calendar;
mod pump_denies;
mod pump_replaced;
mod record_cannot_be_written;
mod record_damaged;
mod record_lost;
mod remote_restarts;
mod remote_wakes;
mod report_too_old;
mod reservoir_low;
mod self_test;
mod silence_cures_nothing;
mod stop;
mod too_soon;
mod touches;
mod uncertain_counts;
mod words;
mod words_and_evidence;
