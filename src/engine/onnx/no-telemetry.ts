/** In a file of its own, as imports are evaluated in their order and before what stands below them. A user's own setting stays. */
process.env.ORT_DISABLE_TELEMETRY ??= "1";
