// A step that calls pass through: here, one that refuses the tools it is told to refuse.
//
//   middleware:
//     - {{name}}: {tools: [deploy]}

let tools = [];

export const middleware = {
  describe() {
    return { summary: 'refuses tools', ways: { request: true } };
  },

  // The settings below its name. Throw [problem, ...] with every problem at once.
  configure(settings) {
    const named = JSON.parse(settings).tools ?? [];
    if (!Array.isArray(named)) {
      throw [{ severity: 'error', path: 'tools', message: 'must be a list of tools' }];
    }
    tools = named;
  },

  onRequest(request) {
    if (tools.includes(request.name)) {
      return { tag: 'refuse', val: { code: 403, message: 'not at this hour' } };
    }
    return { tag: 'pass' };
  },

  onResponse(request, reply) {
    return { tag: 'pass' };
  },
};
