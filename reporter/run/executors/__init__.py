"""Executors: where jobs run. `registry` names them; other folders import none of them but `local`."""
