//! The management plane: chains, receipts, bundles, dead letters.
