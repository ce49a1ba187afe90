// convex-test looks for a `_generated` folder to find the root of the functions; this one has none.
