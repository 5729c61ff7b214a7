"""TODO executors"""
