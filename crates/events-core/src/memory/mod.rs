//! Every store port in memory: the reference that other stores are compared with.
