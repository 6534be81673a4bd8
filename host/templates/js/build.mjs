import { writeFile } from 'node:fs/promises';

import { componentize } from '@bytecodealliance/componentize-js';

// A plugin gets what the host gives it: nothing of the web's own world is linked in.
const { component } = await componentize({
  sourcePath: 'plugin.js',
  witPath: 'wit',
  worldName: '{{world}}',
  disableFeatures: ['random', 'stdio', 'clocks', 'http', 'fetch-event'],
});
await writeFile('{{name}}.wasm', component);
