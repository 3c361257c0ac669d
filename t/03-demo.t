# make demo: what conf/demo/run starts works, and ends with it.

use Totp::Test;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use POSIX ();

my $top = abs_path(dirname(__FILE__) . '/..');
my $dir = File::Temp->newdir(TEMPLATE => 'totp-demo-XXXXXX', TMPDIR => 1);
my $port = free_port();


# Starts it; gives its process and its output, as soon as it has said its
# password or has ended.

sub start {
    my ($log, @more) = @_;

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/$log";
        open STDERR, '>&', \*STDOUT;
        { exec $^X, "$top/conf/demo/run", '--module', Totp::Nginx::module(),
               '--dir', "$dir/demo", '--port', $port, @more }
        POSIX::_exit(127);
    }

    my $status;
    wait_until(sub {
        return 1 if waitpid($pid, POSIX::WNOHANG()) == $pid
                    && defined($status = $?);
        return slurp("$dir/$log") =~ /^password: \S+\n/m;
    }, 30);

    return ($pid, slurp("$dir/$log"), $status);
}


# All processes whose command line or directory is of this demo.

sub processes {
    my @pids;

    for my $proc (glob '/proc/[0-9]*') {
        my $line = slurp("$proc/cmdline");
        my $cwd = readlink "$proc/cwd";
        push @pids, $proc if index($line, "$dir/demo") >= 0
                             || index($cwd || '', "$dir/demo") == 0;
    }

    return @pids;
}


my ($pid, $said, $status) = start('first.log');
is($status, undef, 'it runs') or diag $said;
like($said, qr{^address: https://localhost:$port/$}m, 'says the address');
like($said, qr/^user: demo$/m, 'the user');
like($said, qr/^password: (\S{12,})$/m, 'and the password');
my ($password) = $said =~ /^password: (\S+)$/m;
BAIL_OUT('no demo') unless defined $password;

is((stat "$dir/demo/totp.keys")[2] & 07777, 0600, 'the keys are nobody else\'s');
is((stat "$dir/demo/password")[2] & 07777, 0600, 'nor the password');


# a visitor as the harness knows one

package Demo::Rig {
    sub new { return bless { skew => 1, otp => undef }, shift }
    sub password { return $password }
    sub otp { my ($self, $user, $otp) = @_;
        $self->{otp} = $otp if $otp;
        return $self->{otp} }
}

sub visitor {
    return Totp::Client->new(rig => $_[0], port => $port, tls => 1);
}

my $rig = Demo::Rig->new;
my $c = visitor($rig);

is($c->get('/ping')->body, "pong\n", 'a location without a gate');
is_redirect($c->get('/', Accept => 'text/html'), '/2fa/login', '/', 'the gate');
is_error($c->get_json('/api/time'), 401, 'login_required', 'the gate, for a script');

is($c->login('demo')->stage, 'full', 'the password is right');
like($c->get('/optional/')->body, qr{signed in as <strong>demo</strong>},
     'the part that asks for no code');
is_redirect($c->get('/', Accept => 'text/html'), '/2fa/setup', '/',
            'the rest wants two factors');
is($c->enroll('demo')->{confirm}->status, 200, 'enabled');

my $home = $c->get('/', Cookie => 'colour=blue; ' . $c->cookie_header);
is($home->status, 200, 'the application');
like($home->body, qr{signed in as <strong>demo</strong>}, 'knows the name');
like($home->body, qr{>colour=blue<}, 'sees its own cookie');
unlike($home->body, qr{__Host-totp}, 'and not that of the gate');
is($c->get($_)->status, 200, "page $_") for qw(/form /poll /poll.js /style.css);
like($c->get('/api/time')->body, qr/"time": \d+/, 'what the page polls');
like($c->post('/form', { text => '<b>&"' })->body,
     qr{<blockquote>&lt;b&gt;&amp;&quot;</blockquote>}, 'the form, escaped');
is($c->get('/none')->status, 404, 'a page that does not exist');


# a second one

my (undef, $second, $rc) = start('second.log');
is($rc >> 8, 1, 'a second one in the same place ends');
like($second, qr/already running/, 'and says why');

(undef, $second, $rc) = start('third.log', '--dir', "$dir/other");
is($rc >> 8, 1, 'one on the same port ends');
like($second, qr/port $port is taken .* PORT=/, 'and says what to do');

cmp_ok(scalar(my @p = processes()), '>=', 5, 'processes are there');
kill 'TERM', $pid;
ok(wait_until(sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 15), 'SIGTERM ends it');
is($?, 0, 'and it was meant to');
ok(wait_until(sub { !processes() }, 3), 'nothing is left');


# started again: the same password and the same user, who has a second factor

($pid, $said) = start('again.log');
is(($said =~ /^password: (\S+)$/m)[0], $password, 'the same password');
is(visitor($rig)->login('demo')->stage, 'password', 'and now it asks for a code');

# a part that dies takes the rest with it

my ($redis) = grep { slurp("$_/cmdline") =~ /redis-server/ } processes();
ok($redis, 'Redis is there');
kill 'KILL', $redis =~ /(\d+)/;
ok(wait_until(sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 15),
   'the death of a part ends it');
is($? >> 8, 1, 'which is a failure');
like(slurp("$dir/again.log"), qr/^Redis has ended/m, 'and is told');
ok(wait_until(sub { !processes() }, 3), 'nothing is left');

done_testing;
