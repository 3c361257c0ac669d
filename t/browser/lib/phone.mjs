// A user's authenticator app.  The codes are those of oathtool, which shares
// nothing with the module.

import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';

const skew = 3;		// totp_skew of the rig

export class Phone {
	constructor(otpauth) {
		const arg = new URL(otpauth).searchParams;

		this.secret = arg.get('secret');
		this.algorithm = (arg.get('algorithm') || 'SHA1').toLowerCase();
		this.digits = Number(arg.get('digits') || 6);
		this.period = Number(arg.get('period') || 30);
		this.last = 0;
	}

	step() {
		return Math.floor(Date.now() / 1000 / this.period);
	}

	at(step) {
		return this.from(step, 1)[0];
	}

	// The codes of so many steps in a row.
	from(step, count) {
		return execFileSync('oathtool', [`--totp=${this.algorithm}`, '-d', this.digits, '-w', count - 1,
			'-s', `${this.period}s`, '-N', `@${step * this.period}`, '-b', this.secret],
		{ encoding: 'utf8' }).trim().split('\n');
	}

	// What it shows when its clock is off by so many steps.
	off(steps) {
		return this.at(this.step() + steps);
	}

	// A code that is good now and newer than all before: from the old end of
	// the window upwards, so that there is seldom anything to wait for.  The
	// very oldest could lapse on its way.
	async next() {
		let step;

		for (;;) {
			step = Math.max(this.last + 1, this.step() - skew + 1);
			if (step <= this.step() + skew) break;
			await new Promise((done) => setTimeout(done, 500));
		}
		this.last = step;

		return this.at(step);
	}

	// Well formed, and of no time near now.
	wrong() {
		const near = this.from(this.step() - 13, 27);

		for (;;) {
			const code = String(randomInt(10 ** this.digits)).padStart(this.digits, '0');
			if (!near.includes(code)) return code;
		}
	}
}
