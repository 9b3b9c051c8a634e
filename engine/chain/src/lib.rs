//! Chains: definition, validation, plan, execution.
