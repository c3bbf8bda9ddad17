"""What a session does with messages: one TaskBehaviour per task, named by the task's TaskSpec."""
