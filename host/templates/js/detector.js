// Decides whether the watched file has changed: here, by its size.

const bytes = (text) => new TextEncoder().encode(text);
const text = (bytes) => new TextDecoder().decode(bytes);

export const detector = {
  describe() {
    return { summary: 'compares the size', wakes: { tick: true, events: true } };
  },

  // One look. `memory` are the bytes that the last one left; there are none at the first.
  observe(target, wake, memory) {
    const before = memory?.length ? Number(text(memory)) : undefined;
    const missing = { verdict: 'missing', memory: memory ?? bytes(''), note: '' };
    let stat;
    try {
      stat = target.stat();
    } catch (error) {
      const why = error.payload ?? error;
      if (why.tag === 'other') throw why.val;
      return missing;
    }
    if (stat.kind !== 'regular') return missing;
    const size = Number(stat.size);
    if (before === undefined || before === size) {
      return { verdict: 'unchanged', memory: bytes(`${size}`), note: '' };
    }
    return { verdict: 'changed', memory: bytes(`${size}`), note: `size ${before} -> ${size}` };
  },
};
