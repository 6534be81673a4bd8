// Reads the section `{{section}}` of the configuration, and refuses what is wrong in it before
// anything is built.

import { log } from 'config-sync:plugin/log@{{contract}}';

const SECTION = '{{section}}';

export const reloadHandler = {
  describe() {
    return { summary: `reads the section ${SECTION}`, sections: [SECTION] };
  },

  // Before anything is built. Throw [problem, ...] with every problem at once.
  propose({ previous, next }) {
    const after = JSON.parse(next)[SECTION];
    const before = JSON.parse(previous ?? '{}')[SECTION];
    const isMap = typeof after === 'object' && after !== null && !Array.isArray(after);
    if (after !== undefined && after !== null && !isMap) {
      const message = `must be a map, not ${JSON.stringify(after)}`;
      throw [{ severity: 'error', path: SECTION, message }];
    }
    const differences = [];
    if (before === undefined && after !== undefined) {
      differences.push({ kind: 'added', path: SECTION });
    } else if (before !== undefined && after === undefined) {
      differences.push({ kind: 'removed', path: SECTION });
    } else if (JSON.stringify(before) !== JSON.stringify(after)) {
      differences.push({ kind: 'changed', path: SECTION });
    }
    return { wanted: { tag: 'nothing' }, differences };
  },

  // The whole catalog, or undefined to leave it to the other handlers.
  compose(next, offers) {
    return undefined;
  },

  finished(generation, outcome) {
    if (outcome === 'applied') log('info', `generation ${generation} serves`);
  },
};
