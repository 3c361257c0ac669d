# Reloads and exits: between the steps, under traffic, with open sessions.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol)], server =>
    Totp::Test->default_server . <<'END');
        location /ws {
            proxy_pass http://%APP%;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }
END
my $node = $t->node;
my $alice = $t->client->ready('alice');
my @JSON = (headers => [Accept => 'application/json']);


# Between password and code, between the QR code and its confirmation.

my $half = $t->client;
$half->login('alice');
my $bob = $t->client;
$bob->login('bob');
my $secret = $bob->page('setup')->json->{secret};
ok($node->reload, 'reload: old workers go, new ones come');
is($half->code($t->otp('alice')->next_code)->stage, 'full',
   '[attack 103] the code after a reload');
is($bob->page('setup')->json->{secret}, $secret, 'the same pending secret');
is($bob->enroll('bob')->{confirm}->status, 200,
   '[attack 103] confirmed after a reload');
through($alice->get('/x'), 'a session outlives a reload');


# A revocation is not forgotten.

my $old = $alice->clone;
$alice->act('logout', {});
ok(wait_until(sub { $old->get('/x')->status == 401 }, 2), 'signed out');
ok($node->reload, 'reload');
my @r = Totp::Client->fire([ map { [$old, $old->build('GET', '/x')] } 1 .. 20 ]);
is(scalar(grep { $_->status != 401 } @r), 0, 'still signed out');
$alice->ready('alice');


# Under traffic.

my %got;
for my $i (1 .. 6) {
    $node->signal('HUP');
    my @c = map { my $c = $t->client; $c->page('login'); $c } 1 .. 5;
    my @r = Totp::Client->fire([
        (map { [$alice, $alice->build('GET', '/x')] } 1 .. 30),
        (map { [$alice, $alice->build('GET', '/2fa/settings', @JSON)] } 1 .. 10),
        (map { [$_, $_->build('POST', '/2fa/login', form => { username => 'carol',
            password => $t->password('carol'), csrf => $_->{csrf} }, @JSON)] } @c),
    ]);
    $got{ $_->status }++ for @r;
    nap(0.1);
}
is_deeply(\%got, { 200 => 270 },
          '[attack 103] reloads under traffic: every request is answered')
    or diag explain \%got;
ok(wait_until(sub { $node->workers == 2 }, 12), 'no worker is left over');


# A worker that is killed is replaced, and the new one knows what was revoked.

my ($victim) = $node->workers;
kill 'KILL', $victim;
ok(wait_until(sub { my @w = $node->workers;
                    @w == 2 && !grep { $_ == $victim } @w }, 10),
   '[attack 104] a worker that is killed is replaced');
push @{ $t->{allow} }, qr/\[alert\].*worker process $victim exited on signal 9/;
@r = Totp::Client->fire([ map { ([$alice, $alice->build('GET', '/x')],
                                 [$old, $old->build('GET', '/x')]) } 1 .. 20 ]);
is(join(' ', sort map { $_->status } @r), join(' ', (200) x 20, (401) x 20),
   'and knows who is in and who is out');


# A reload of a bad configuration changes nothing.

my $good = slurp($node->{file});
spew($node->{file}, $good =~ s/totp_skew \d+;/totp_skew nonsense;/r);
$node->mark;
$node->signal('HUP');
ok(wait_until(sub { $node->since =~ /\[emerg\]/ }, 5), 'a bad configuration');
through($alice->get('/x'), 'changes nothing');
spew($node->{file}, $good);
push @{ $t->{allow} }, qr/\[emerg\].*totp_skew/;
ok($node->reload, 'the good one loads again');


# An added server, a changed zone.

spew($node->{file}, $good =~ s/totp_skew/totp_zone totp:8m;\n    totp_skew/r);
$old = $alice->clone;
$alice->act('logout', {});
ok($node->reload, 'reload with another size of the zone');
is($old->get('/x')->status, 401, 'revocations are read anew');
$alice->ready('alice');
through($alice->get('/x'), 'and it works');


# Leaving while somebody waits: keep-alive, a body half sent.

my $keep = $alice->connect;
$keep->send($alice->build('GET', '/x', keep => 1));
is($keep->response->status, 200, 'an idle keep-alive connection');
my $began = now();
ok($node->quit, 'quit with an idle connection open');
cmp_ok(now() - $began, '<', seconds(5), 'at once');
$keep->close;
$node->start;
through($alice->get('/x'), 'a session outlives a restart of nginx');

$t->finish;

done_testing;
