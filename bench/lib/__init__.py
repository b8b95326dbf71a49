# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: servers pinned to a core, a loader, and the pages they write."""
