// Node-RED: a page with a WebSocket.

import { get } from 'node:https';
import path from 'node:path';
import { packages } from './lib/site.mjs';

const flow = [
	{ id: 'f1', type: 'tab', label: 'Gate' },
	{ id: 'n1', type: 'inject', z: 'f1', name: 'now', props: [{ p: 'payload' }], payload: 'through the gate',
		payloadType: 'str', repeat: '', crontab: '', once: false, onceDelay: 0.1, topic: '', x: 120, y: 80, wires: [['n2']] },
	{ id: 'n2', type: 'debug', z: 'f1', active: true, tosidebar: true, complete: 'payload', x: 320, y: 80, wires: [] },
	{ id: 'n3', type: 'http in', z: 'f1', name: '', url: '/hooks/now', method: 'get', x: 120, y: 160, wires: [['n4']] },
	{ id: 'n4', type: 'http response', z: 'f1', name: '', statusCode: '', headers: {}, x: 320, y: 160, wires: [] },
];


export const what = {
	name: 'node-red',
	replace: (site) => [[/127\.0\.0\.1:1880/g, `127.0.0.1:${site.appPort}`]],
	start(site) {
		site.write('node-red/flows.json', JSON.stringify(flow));
		site.write('node-red/settings.cjs', `module.exports = { uiPort: ${site.appPort}, uiHost: '127.0.0.1',
			flowFile: 'flows.json', credentialSecret: 'x', editorTheme: { tours: false, projects: { enabled: false } },
			telemetry: { enabled: false, updateNotification: false },
			externalModules: { palette: { allowInstall: false } } };`);
		site.run(process.execPath, [path.join(packages, 'node-red/red.js'), '-u', site.file('node-red'),
			'-s', site.file('node-red/settings.cjs')]);
	},
};


const messages = (page) => page.locator('.red-ui-debug-msg-payload');

async function editor(t, { page }) {
	const socket = page.waitForEvent('websocket', (ws) => /\/comms$/.test(ws.url()));

	await page.goto(`${new URL(page.url()).origin}/`);
	t.ok(await (await socket).waitForEvent('framereceived'), 'something comes by the WebSocket');
	await page.locator('#red-ui-header-button-deploy').waitFor();
	await page.locator('.red-ui-flow-node-group, .red-ui-flow-node').first().waitFor();
}

const inject = (person) => person.ask('/inject/n1', { method: 'POST' });


export async function use(t, person, site) {
	const { page } = person;

	await editor(t, person);
	t.is((await inject(person)).status, 200, 'a button of the flow is pressed');
	await messages(page).filter({ hasText: 'through the gate' }).first().waitFor({ state: 'attached' });
	t.ok(true, 'its message arrives by the WebSocket');

	// another name for a node, and "Deploy"
	const deploy = async () => {
		const answer = page.waitForResponse((r) => /\/flows$/.test(r.url()) && r.request().method() == 'POST');

		await page.evaluate((name) => {
			const node = RED.nodes.node('n1');

			node.name = name;
			node.changed = true;
			RED.nodes.dirty(true);
		}, `name ${Date.now()}`);
		await page.click('#red-ui-header-button-deploy');

		return (await answer).status();
	};

	t.is(await deploy(), 200, 'a flow is deployed');
	t.is(await person.socket('/comms'), 'open', 'a second WebSocket');

	await person.expire();
	t.is(await person.socket('/comms'), 'refused', 'no new WebSocket');
	t.is((await inject(person)).status, 401, 'no button');
	t.is(await deploy(), 401, 'no deployment');
	await page.locator('.red-ui-notification', { hasText: 'Not authorized' }).first().waitFor();
	t.is(await page.evaluate(() => RED.nodes.dirty()), true, 'the change is still in the editor');

	await person.inAnotherTab();
	t.is(await deploy(), 200, 'which deploys it after a sign-in in another tab');
	t.is(await person.socket('/comms'), 'open', 'WebSockets as before');

	await person.expire();
	page.on('dialog', (d) => d.accept().catch(() => {}));
	await person.reload();
	await editor(t, person);
	t.ok(await page.evaluate(() => RED.nodes.node('n1').name.startsWith('name ')), 'the deployed flow is there');
	t.is(await call(site, '/hooks/now'), 200, 'machines reach the hooks without a session');
	t.is(await call(site, '/flows'), 401, 'and nothing else');
}


// The status that a machine without a session gets.

function call(site, where) {
	return new Promise((done, fail) => {
		get({ host: '127.0.0.1', port: site.port, path: where, rejectUnauthorized: false },
			(r) => { r.resume(); done(r.statusCode) }).on('error', fail);
	});
}
