"""Class-incremental learning: tasks that arrive one after another, exemplars, prototypes, proxies, methods."""
