"""TODO paired"""
