// TAP for tests that are whole journeys: one line each, and what failed on the
// way, as diagnostics where prove shows them.

const queue = [];


// Adds a test; fn gets an object to check with.  A test that checks nothing
// fails.

export function test(name, fn) {
	queue.push({ name, fn });
}


export class Checks {
	constructor() {
		this.count = 0;
		this.failed = [];
	}

	ok(good, what, detail) {
		this.count++;
		if (!good) this.failed.push(what + (detail === undefined ? '' : `: ${detail}`));
		return Boolean(good);
	}

	is(got, want, what) {
		return this.ok(got === want, what, `got ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`);
	}

	// For what the rest of a journey cannot do without.
	need(good, what, detail) {
		if (!this.ok(good, what, detail)) throw new Error(`${what}: cannot go on`);
	}
}


// Runs all tests, `jobs` at a time, then `last` alone.  Says whether all went
// well.

export async function run(jobs, last) {
	const total = queue.length + 1;
	let n = 0, good = true;

	const one = async ({ name, fn }) => {
		const t = new Checks();
		const from = Date.now();

		try {
			await fn(t);
		} catch (e) {
			t.failed.push(e.stack || String(e));
		}
		if (!t.count) t.failed.push('nothing was checked');

		console.log(`${t.failed.length ? 'not ok' : 'ok'} ${++n} - ${name}\n`
			+ `# ${t.count} checks, ${((Date.now() - from) / 1000).toFixed(1)} s`);
		if (t.failed.length) {
			console.error([`# Failed test '${name}'`,
				...t.failed.flatMap((text) => text.split('\n').map((line) => `#   ${line}`))].join('\n'));
		}
		good &&= !t.failed.length;
	};

	console.log(`1..${total}`);
	await Promise.all(Array.from({ length: jobs }, async () => {
		for (let job; (job = queue.shift());) await one(job);
	}));
	await one(last);

	return good;
}
