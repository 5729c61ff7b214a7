"""TODO stats"""
