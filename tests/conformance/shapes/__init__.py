"""The shapes of public code: functions as people write them, their sources named, each answered exactly."""
