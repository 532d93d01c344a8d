# SPDX-License-Identifier: Apache-2.0
"""What the scenario tests share: the product under test, its clients and the servers behind it."""
