// Loaded before Azurite. Azurite loads Application Insights even where --disableTelemetry leaves it unused, and that is
// more than half of the CPU time of its start: an empty module takes its place.
const path = require("path");

const azurite = path.dirname(process.argv[1]);
const id = require.resolve("applicationinsights", { paths: [azurite] });
require.cache[id] = { id, filename: id, loaded: true, exports: {}, children: [], paths: [] };
